# Everything a person or CI does starts here; `make help` lists it.

export CGO_ENABLED = 0
export GOTOOLCHAIN = local
# No path of a folder is in what is built: it is the same everywhere.
export GOFLAGS += -trimpath
# A release has its number in a file, a repository in its tags.
VERSION  := $(shell cat VERSION 2>/dev/null || git describe --tags --always --dirty 2>/dev/null || echo unreleased)
TAGS     := netgo,osusergo,nethttpomithttp2
LDFLAGS  := -s -w -X main.version=$(VERSION)
# Flash is scarcer than time: only what handles each packet, question and lease, and
# what that calls, is compiled with inlining. It saves a tenth of the binary.
INLINED  := runtime/... internal/... sync/... math/... hash/... unicode/... encoding/binary bytes strings slices maps cmp \
	bufio io errors time net/netip net syscall golang.org/x/sys/unix github.com/tetherd/tetherd/dns/... github.com/tetherd/tetherd/dhcp/...
LEAN     := -gcflags=all=-l $(foreach p,$(INLINED),-gcflags=$(p)=)
BUILD    := go build -buildvcs=false -tags $(TAGS) -ldflags '$(LDFLAGS)' $(LEAN)
CACHE    := .cache
TOTAL    := $(CACHE)/tests
SUM      := go run ./tools/testsum -total $(TOTAL)
$(shell mkdir -p $(CACHE))
FUZZTIME ?= 5s

# Debian packages that the lab and the tests call, by the command that proves them.
TOOLS := nft:nftables ip:iproute2 nsenter:util-linux \
	mbimcli:libmbim-utils udhcpc:udhcpc dhclient:isc-dhcp-client dhcpcd:dhcpcd-base \
	dig:bind9-dnsutils curl:curl ping:iputils-ping \
	qemu-mips-static:qemu-user-static xz:xz-utils mksquashfs:squashfs-tools \
	mkfs.ext4:e2fsprogs hostapd:hostapd busybox:busybox sysctl:procps pgrep:procps shellcheck:shellcheck zbarimg:zbar-tools rdate:rdate

# What the lab with real kernels calls besides.
VMTOOLS := qemu-system-x86_64:qemu-system-x86 qemu-system-arm:qemu-system-arm \
	qemu-system-mipsel:qemu-system-mips depmod:kmod

FAULTS ?= lab/faults/*.txtar
FAULTRUNS ?= 1

.PHONY: faults journeys vm vm-all vm-shell vm-short vm-tests vm-tetherd vm-deps install help run test build cross size size-write deps lint unit unit-386 codecs-mips unit-386-native unit-386-emulated fuzz fuzz-short scenarios apn page clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: deps build ## bring a client online in a lab on this machine (ONCE=1: check and end)
	bin/tetherd-lab run -tetherd bin/tetherd $(if $(ONCE),-once)

build: tetherd ## build bin/tetherd and bin/tetherd-lab
	@$(BUILD) -o bin/tetherd-lab ./cmd/tetherd-lab

.PHONY: tetherd release
tetherd: ## build bin/tetherd alone
	@$(BUILD) -o bin/tetherd ./cmd/tetherd

deps: ## install the Debian packages that lab and tests need
	@$(MAKE) --no-print-directory install WANT="$(TOOLS)"

vm-deps: deps
	@$(MAKE) --no-print-directory install WANT="$(VMTOOLS)"

install:
	@missing=; for t in $(WANT); do \
		PATH=$$PATH:/usr/sbin:/sbin command -v $${t%%:*} >/dev/null || missing="$$missing $${t##*:}"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
		(apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing) \
		>$(CACHE)/apt.log 2>&1 || { tail -20 $(CACHE)/apt.log; exit 1; }; fi

# What waits for clocks and packets runs first in line; what only needs a processor
# takes what that leaves. The tests on 32 bit wait for packets as well: they come last
# there, and hold their own. The third job is for what may wait side by side.
test: vm-deps lint build ## run the whole suite
	@rm -f $(TOTAL)
	@$(MAKE) --no-print-directory -j3 test-waiting test-working
	@$(SUM) -close

.PHONY: test-waiting test-working
test-waiting:
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory unit-lab scenarios
	@$(MAKE) --no-print-directory vm-short

test-working:
	@for stage in vm-images fuzz-short codecs-mips size-mipsle; do nice -n 19 $(MAKE) --no-print-directory $$stage || exit 1; done
	@$(MAKE) --no-print-directory unit-386

.PHONY: everything
everything: ## that and all that takes longer, about two hours: what a release is judged by
	@for t in test vm-all journeys faults powercut bench; do $(MAKE) --no-print-directory $$t || exit 1; done

lint: ## formatting and vet
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go vet -tags browser ./lab && go vet -tags bench ./lab && go vet -tags vm ./lab/vmtest ./cmd/tetherd-lab

unit: ## unit and namespace tests
	@go test -json -count=1 -timeout 5m $$(go list ./... | grep -v '/lab$$') | $(SUM)

# A world of the lab waits nine tenths of its time: six of these and six of the scenarios
# go well beside each other on two processors.
.PHONY: unit-lab
unit-lab: ## tests of the lab, which play changes and power cuts on the real program
	@go test -json -count=1 -timeout 8m -parallel 6 -skip '^TestScenarios$$' ./lab | $(SUM)

# Some virtual machines run no 32-bit x86 programs. There an emulator runs what needs
# nothing of the kernel (without preemption by signals, which it does not survive).
PURE := . ./config ./control ./doctor ./plan ./provision ./provision/document ./modem/mbim ./ubus/wire ./secret ./lab/usbip ./tools/apngen

unit-386: ## unit tests on 32 bit
	@GOARCH=386 go build -o $(CACHE)/try-386 ./tools/testsum
	@if $(CACHE)/try-386 -h 2>/dev/null; then way=native; else way=emulated; fi; \
	$(MAKE) --no-print-directory unit-386-$$way

unit-386-native:
	@GOARCH=386 go test -json -count=1 -timeout 5m $$(go list ./... | grep -vE '/lab$$|/lab/vm') | $(SUM)

unit-386-emulated:
	@echo "this kernel runs no 32-bit x86 programs: packages without need of a kernel run emulated, the others are only compiled"
	@GOARCH=386 nice -n 19 go vet ./...
	@GOARCH=386 GODEBUG=asyncpreemptoff=1 nice -n 19 go test -json -count=1 -timeout 9m -exec qemu-i386-static $(PURE) | $(SUM)

codecs-mips: ## the codecs on a big-endian machine, emulated
	@GOARCH=mips GOMIPS=softfloat go test -json -count=1 -exec qemu-mips-static ./modem/mbim ./config ./provision ./ubus/wire | $(SUM)

scenarios: ## play every scenario of the lab
	@go test -json -count=1 -timeout 8m -parallel 6 ./lab -run TestScenarios | $(SUM)

faults: deps build ## inject every fault of the gallery and print how soon it is named (FAULTS=FILES, FAULTRUNS=3)
	@for run in $$(seq $(FAULTRUNS)); do bin/tetherd-lab faults -tetherd bin/tetherd $(FAULTS) || exit 1; done

fuzz-short: ## every fuzz target for 5 seconds
	@$(MAKE) --no-print-directory fuzz FUZZTIME=5s

fuzz: FUZZTIME = 1m
fuzz: ## every fuzz target for a minute
	@go run ./tools/fuzz -time $(FUZZTIME) -total $(TOTAL)

# GOARCH, and what the compiler calls the machine's variant.
TARGETS := amd64: arm64: arm-v5:GOARM=5 arm-v6:GOARM=6 arm-v7:GOARM=7 mips:GOMIPS=softfloat mipsle:GOMIPS=softfloat riscv64:

cross: ## static binaries for every supported machine, in bin/
	@for t in $(TARGETS); do name=$${t%%:*}; arch=$${name%%-*}; \
		echo "build $$name"; env GOARCH=$$arch $${t##*:} $(BUILD) -o bin/tetherd-$$name ./cmd/tetherd || exit 1; done

# A number that package managers take: 0.2.0, and 0.2.0_git5 five commits later.
RELEASE ?= $(shell { git describe --tags --match 'v[0-9]*' 2>/dev/null || echo v0.0.0; } | sed 's/^v//; s/-\([0-9]*\)-g[0-9a-f]*$$/_git\1/')
OFFLINE := GOFLAGS=-mod=vendor GOPROXY=off GOMODCACHE=$(CURDIR)/$(CACHE)/no-modules

release: ## source with its modules, packages and binaries in dist/, the same bytes from the same commit
	@test -z "$$(git status --porcelain)" || { echo "commit first:"; git status --short; exit 1; }
	rm -rf dist $(CACHE)/release && mkdir -p $(CACHE)/release
	go run ./tools/release -version $(RELEASE) -out dist
	tar -xzf dist/tetherd-$(RELEASE).tar.gz -C $(CACHE)/release
	$(OFFLINE) $(MAKE) --no-print-directory -C $(CACHE)/release/tetherd-$(RELEASE) cross VERSION=$(RELEASE)
	for f in $(CACHE)/release/tetherd-$(RELEASE)/bin/tetherd-*; do cp $$f dist/tetherd-$(RELEASE)-linux-$${f##*/tetherd-}; done
	rm -rf $(CACHE)/release
	go run ./tools/release -sums -out dist && cat dist/SHA256SUMS

size: cross ## sizes beside the checked-in table; fails when over budget
	@go run ./tools/size $(foreach t,$(TARGETS),$(firstword $(subst :, ,$(t)))=bin/tetherd-$(firstword $(subst :, ,$(t))))

.PHONY: size-mipsle
size-mipsle: ## the same for the machine with the least flash
	@$(MAKE) --no-print-directory size TARGETS=mipsle:GOMIPS=softfloat

size-write: cross ## renew the checked-in table of sizes
	@go run ./tools/size -write $(foreach t,$(TARGETS),$(firstword $(subst :, ,$(t)))=bin/tetherd-$(firstword $(subst :, ,$(t))))

ARCH ?= amd64
VMENV_amd64  := GOARCH=amd64
VMENV_armhf  := GOARCH=arm GOARM=7
VMENV_mipsel := GOARCH=mipsle GOMIPS=softfloat

VMTEST = $(VMENV_$(ARCH)) go test -count=1 -p 1 -tags vm -timeout 60m -ldflags '-s -w' $(VMFLAGS) \
	-exec "$(CURDIR)/bin/tetherd-lab vm exec -arch $(ARCH) -m 128 -times -with bin/tetherd-vm-$(ARCH):/usr/bin/tetherd"

vm: vm-deps build vm-tetherd ## the same job with real kernels, Wi-Fi and USB in a VM (ARCH=amd64, armhf, mipsel)
	$(VMTEST) -v ./lab/vmtest
	$(VMTEST) -v -run Offload ./nat
	ARCH=$(ARCH) go test -count=1 -tags vm -timeout 15m -v -run TestShell ./cmd/tetherd-lab
	@bin/tetherd-lab vm table

vm-tetherd:
	@$(VMENV_$(ARCH)) $(BUILD) -o bin/tetherd-vm-$(ARCH) ./cmd/tetherd

vm-all: vm-deps build ## that on every architecture, and a table of what was measured
	@for a in amd64 armhf mipsel; do $(MAKE) --no-print-directory vm ARCH=$$a || exit 1; done

vm-shell: vm-deps build vm-tetherd ## a shell in a booted gateway (ARCH=…); its status is at http://127.0.0.1:8097/ (PORT=…)
	@$(VMENV_$(ARCH)) $(BUILD) -o bin/tetherd-lab-vm-$(ARCH) ./cmd/tetherd-lab
	bin/tetherd-lab vm shell -arch $(ARCH) -m 128 -port $(or $(PORT),8097) -tetherd bin/tetherd-vm-$(ARCH) -lab bin/tetherd-lab-vm-$(ARCH)

# What the suite plays of it: the modem's driver, the flow tables, stations on a radio.
VMSHORT := Boot|KernelBinds|Unplug|FlowTable|Stations

.PHONY: vm-images
vm-images: vm-deps build
	@for a in amd64 armhf mipsel; do bin/tetherd-lab vm build -arch $$a || exit 1; done

vm-short: vm-deps build ## the part of vm-all that belongs to the suite
	@$(MAKE) --no-print-directory vm-tests ARCH=amd64 VMFLAGS="-run '$(VMSHORT)'"
	@$(MAKE) --no-print-directory vm-short-armhf vm-short-mipsel
	@bin/tetherd-lab vm table

vm-short-%:
	@$(MAKE) --no-print-directory vm-tests ARCH=$* VMFLAGS="-run Boot"

vm-tests: vm-tetherd
	@$(VMTEST) -json ./lab/vmtest | $(SUM)

# The audit's rules, as npm checks them; a browser that prints what it sees.
AXE := axe-core@4.14.1

journeys: deps ## a person's ways through the page, in a browser in the lab; pictures in .cache/pictures
	@$(MAKE) --no-print-directory install WANT="chromium:chromium npm:npm"
	@test -s $(CACHE)/axe.min.js.gz || { cd $(CACHE) && npm pack --silent $(AXE) >/dev/null && tar -xzOf axe-core-*.tgz package/axe.min.js | gzip -9n > axe.min.js.gz; }
	AXE=$(CURDIR)/$(CACHE)/axe.min.js.gz PICTURES=$(CURDIR)/$(CACHE)/pictures go test -count=1 -tags browser -timeout 40m -v ./lab -run "TestJourneys|TestViews|TestWiFiForms|TestDevices|TestAnotherName|TestPage"

# One state rendered for the pages. An emulator tells how machines compare, and nothing of
# the time that a real one takes.
STATE := TETHERD_TEST_NAMESPACE=1 go test -count=1 -run '^$$' -bench State ./api -exec

.PHONY: bench
bench: deps ## what open pages cost: the rate of DNS, an idle gateway's work, one state; fails when they cost more than is promised
	go test -tags bench -count=1 -timeout 15m -v -run TestBench ./lab
	@echo "one state: here, amd64 emulated, mipsel emulated"
	@$(STATE) env
	@$(STATE) qemu-x86_64-static
	@GOARCH=mipsle GOMIPS=softfloat $(STATE) qemu-mipsel-static

.PHONY: powercut
powercut: deps ## cut the power 50 times in the middle of writes of the configuration
	POWERCUTS=50 go test -count=1 -timeout 15m -v -run TestPowerCut ./lab

apn: ## make the packed access point table from its rows
	go run ./tools/apngen

page: ## pack the page's files
	go run ./tools/pagegen

clean: ## remove what was built
	rm -rf bin dist $(CACHE)
