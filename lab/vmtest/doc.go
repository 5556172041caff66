// Package vmtest holds the tests that need a kernel of their own: real drivers, real
// hardware offload tables, real radios. They run in the machine of package vm only:
//
//	go test -tags vm -exec "bin/tetherd-lab vm exec -with bin/tetherd:/usr/bin/tetherd" ./lab/vmtest
//
// and take its devices, its network namespace and its kernel log for their own.
package vmtest
