# Plays the kubelet: it runs, and does nothing.
case ${1:-} in
--version) echo "Kubernetes v@VERSION@" ;;
*) exec sleep infinity ;;
esac
