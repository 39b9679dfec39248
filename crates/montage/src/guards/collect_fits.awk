# usage: awk PROGRAM answer...
# Makes the table of fits for mBgModel from the answers of mFitplane. The numbers of the two
# images are the last two of the file name, as in fit-000001-000002.txt. Answers stat="NONE"
# give no row; anything else that is not a full set of numbers ends the run.
function fail(text) { print "collect_fits: " text > "/dev/stderr"; bad = 1; exit 1 }
function put(text) { printf "%s", " " text; for (i = length(text); i < 14; i++) printf " " }
BEGIN {
  count = split("a b c crpix1 crpix2 xmin xmax ymin ymax xcenter ycenter npixel rms " \
    "boxx boxy boxwidth boxheight boxang", key, " ")
  printf "|plus          |minus         "
  for (k = 1; k <= count; k++) { printf "|%s", key[k]; for (i = length(key[k]); i < 14; i++) printf " " }
  print "|"
}
NF {
  if (FILENAME in answered) fail(FILENAME " has more than one line")
  answered[FILENAME] = 1
  if (index($0, "stat=\"NONE\"")) { none++; next }
  if (!index($0, "stat=\"OK\"")) fail(FILENAME " says " $0)
  line = $0; gsub(/[\[\],]/, " ", line)
  split("", value)
  fields = split(line, word, " ")
  for (f = 1; f <= fields; f++) if ((eq = index(word[f], "=")) > 0)
    value[substr(word[f], 1, eq - 1)] = substr(word[f], eq + 1)
  name = FILENAME; sub(/\.[^.]*$/, "", name)
  parts = split(name, part, "-")
  row = ""
  put(part[parts - 1] + 0); put(part[parts] + 0)
  for (k = 1; k <= count; k++) {
    number = value[key[k]]
    if (number !~ /^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$/)
      fail(FILENAME ": " key[k] " is '" number "', expected a number")
    put(number)
  }
  print ""
}
END {
  if (bad) exit 1
  for (f = 1; f < ARGC; f++) if (!(ARGV[f] in answered)) fail(ARGV[f] " holds no answer")
  if (none) print "collect_fits: " none " of " ARGC - 1 " pairs share no data" > "/dev/stderr"
}
