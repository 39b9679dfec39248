# Subtracts from an image the plane that mFitplane found in it.
answer=$(cat "$1")
number() { printf '%s' "$answer" | sed -n "s/.*[ ,]$1=\([-+0-9.eE]*\),.*/\1/p"; }
case $answer in
*'stat="OK"'*) ;;
*) printf 'flatten: %s says %s\n' "$1" "$answer" >&2 && exit 1 ;;
esac
a=$(number a) b=$(number b) c=$(number c)
if [ -z "$a" ] || [ -z "$b" ] || [ -z "$c" ]; then
  printf 'flatten: %s has no plane: %s\n' "$1" "$answer" >&2
  exit 1
fi
mBackground -n "$2" "$3" "$a" "$b" "$c"
