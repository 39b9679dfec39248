# usage: awk PROGRAM table...
# Joins tables with the same header.
FNR == 1 && !/^\|/ { print "join_tables: " FILENAME " has no header" > "/dev/stderr"; exit 1 }
FNR == 1 && NR > 1 { next }
{ print }
