# Plays dnsmasq: it runs, and answers nobody.
exec sleep infinity
