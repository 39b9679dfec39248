# Plays runc: it tells its version.
printf 'runc version @VERSION@\nspec: 1.2.0\n'
