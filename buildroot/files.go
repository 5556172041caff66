// Package buildroot is the external tree for Buildroot, and holds what its package
// installs for the tests that boot it.
package buildroot

import "embed"

// Files are what package/tetherd installs besides the program.
//
//go:embed package/tetherd/S80tetherd package/tetherd/tetherd.config
var Files embed.FS
