// Package vm boots real Debian kernels under QEMU and runs one job in each: a test
// binary, or a shell for a person. It needs neither KVM nor loop devices nor a
// network of its own.
//
// Prepare makes an Image: it resolves Debian packages of the wanted architecture by
// name from the archive that this machine is configured for (packages.go), takes
// named commands with their shared libraries and named kernel modules with what they
// depend on (tree.go, elf.go, modules.go), and writes them as a disk that is read in
// place, with a small initramfs that finds it (archive.go, cpio.go, start.sh). What the
// image holds is said in content.go. Everything is kept in a cache folder, keyed by what
// was resolved and by the source of this package, so a second run downloads and builds
// nothing.
//
// Image.Run makes a second disk of the job's own files, boots, streams what the job
// prints and returns its exit status (run.go, init.sh). Only the job speaks on the
// virtio-serial port; the kernel's console is kept apart, and its end is part of the
// error when the guest hangs, panics or vanishes.
//
// It calls apt-get, dpkg-deb, depmod, mksquashfs and qemu-system-*.
package vm
