//! The documents that kubeadm reads, and what joining needs: tokens, hashes of keys, kubeconfig files.
