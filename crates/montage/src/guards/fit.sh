# Fits a plane to a difference image and prints one line: the answer of mFitplane, or
# stat="NONE" when the two images have no common pixels with data.
if [ -f "$1" ] && [ ! -s "$1" ]; then
  echo '[struct stat="NONE"]'
  exit 0
fi
answer=$(mFitplane "$1")
case $answer in
*'stat="OK"'*nan* | *'stat="OK"'*inf* | *'Singular Matrix'*) echo '[struct stat="NONE"]' ;;
*'stat="OK"'*) printf '%s\n' "$answer" ;;
*)
  printf '%s\n' "$answer" >&2
  exit 1
  ;;
esac
