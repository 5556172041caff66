package probe

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onLostThread runs f on a thread that ends with it, and so does whatever f made the
// thread's own, such as a network namespace. A goroutine that ends while it is locked
// takes its thread along; but the main thread cannot end, and is what others see of
// the process in /proc, so it is passed over.
func onLostThread(f func()) {
	taken, ended := make(chan struct{}), make(chan struct{})
	var live func()
	live = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go live() // on another thread, for this one is kept until then
			<-taken
			runtime.UnlockOSThread()
			return
		}
		close(taken)
		defer close(ended)
		f()
	}
	go live()
	<-ended
}
