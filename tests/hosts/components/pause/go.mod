module windlass.test/hosts/pause

go 1.24.0
