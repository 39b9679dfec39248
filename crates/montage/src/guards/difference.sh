# usage: sh -c PROGRAM mDiff difference arguments of mDiff...
# Subtracts two projected images. Two images without common pixels are not an error: their
# difference is an empty file, which the fit passes over.
difference=$1
shift
answer=$(mDiff "$@")
printf '%s\n' "$answer"
case $answer in
*'stat="OK"'*) ;;
*"don't overlap"* | *'All pixels are blank'*)
  : >"$difference" && : >"${difference%.fits}_area.fits"
  ;;
*) exit 1 ;;
esac
