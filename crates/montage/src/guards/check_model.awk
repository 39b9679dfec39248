# usage: awk PROGRAM corrections
# mBgModel succeeds also when its solution is not a number, and mBackground would then blank the
# images. This prints the table when all of it is numbers.
function fail(text) { print "check_model: " text > "/dev/stderr"; bad = 1; exit 1 }
/^\|/ { header++; print; next }
{
  if (NF != 4) fail("line " FNR " has " NF " fields, expected id a b c")
  for (f = 1; f <= 4; f++) if ($f !~ /^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$/)
    fail("image " $1 " has the correction " $2 " " $3 " " $4 ", expected numbers")
  print
}
END { if (bad) exit 1; if (header != 1) fail("the table has no header") }
