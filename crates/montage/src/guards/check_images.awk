# usage: awk -v from=P -v to=C PROGRAM list table
# mImgtbl leaves out files that it cannot read and still succeeds. This checks that the table has
# exactly the files of the list, numbered in that order, and prints the table for the corrected
# images: same geometry, file names with the prefix "from" replaced by "to" of the same length.
function fail(text) { print "check_images: " text > "/dev/stderr"; bad = 1; exit 1 }
FNR == 1 { file++ }
/^[|\\]/ { if (file == 2) print; next }
file == 1 { want[++wanted] = $1; next }
{
  if (++seen > wanted) fail("more rows than the " wanted " files of the list")
  if ($1 != seen - 1) fail("row " seen " has cntr " $1)
  if ($NF != want[seen]) fail("row " seen " is " $NF ", expected " want[seen])
  at = length($0); while (substr($0, at, 1) == " ") at--
  at -= length($NF) - 1
  slash = 0; for (i = 1; i <= length($NF); i++) if (substr($NF, i, 1) == "/") slash = i
  if (substr($NF, slash + 1, length(from)) != from) fail($NF " does not begin with " from)
  print substr($0, 1, at + slash - 1) to substr($0, at + slash + length(from))
}
END {
  if (bad) exit 1
  if (seen != wanted) fail("only " seen + 0 " of " wanted " files are readable FITS images")
}
