# Plays kubectl: one node, which is ready once there is a kubelet.conf.
case "$*" in
*"--client"*) echo "Client Version: v@VERSION@" ;;
*"--raw"*) echo ok ;;
*"get node"*)
    printf 'NAME   STATUS   ROLES           AGE   VERSION\n'
    if [ -f /etc/kubernetes/kubelet.conf ]; then printf '%s   Ready    control-plane   1m    v@VERSION@\n' "$(uname -n)"; fi
    ;;
*"-f -"*) record_input ;;
esac
