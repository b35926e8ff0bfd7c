# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# GNU make.  `make help` lists the targets.

VERSION = 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONDIR ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DATADIR ?= $(PREFIX)/share/cartridge-reload
DESTDIR ?=

CC ?= cc
CFLAGS ?= -O2 -g
INSTALL ?= install
PKG_CONFIG ?= pkg-config
TARANTOOL ?= tarantool
# Compilers at a time, and suites at a time: most suites wait now and then.
JOBS ?= $(shell nproc)
TEST_JOBS ?= $(shell expr $(JOBS) \* 2)

# SAN=1 builds everything with the sanitizers, COVERAGE=1 so that it counts
# which lines are run, FUZZ=1 for the fuzzer; each beside the plain build.
B = build$(if $(COVERAGE),/coverage)$(if $(SAN),/san)$(if $(FUZZ),/fuzz)

PKGS = libbsd-overlay libmd yaml-0.1 jansson
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
# msgpuck is a header with a static library, unknown to pkg-config.
LIBS = $(PKG_LIBS) -lmsgpuck

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wformat=2
# The C library warns if it is asked to fortify code that is not optimised.
FORTIFY = $(if $(filter -O0,$(CFLAGS)),,$(if $(findstring \
	_FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS)),,$(if $(filter -O%,$(CFLAGS)), \
	-D_FORTIFY_SOURCE=2)))
ifdef SAN
EXTRA_CFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
EXTRA_LDFLAGS = -fsanitize=address,undefined
else ifdef FUZZ
CC = clang
EXTRA_CFLAGS = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
EXTRA_LDFLAGS = -fsanitize=fuzzer,address,undefined
else
EXTRA_CFLAGS = -fstack-protector-strong -fPIE $(FORTIFY)
EXTRA_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
endif
ifdef COVERAGE
EXTRA_CFLAGS += --coverage
CFLAGS = -O1 -g
endif

# Files and times of any size, also where a word has 32 bits.
COMPILE = $(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE \
	-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	-DCR_VERSION='"$(VERSION)"' -Isrc -Itests/unit \
	$(WARNINGS) $(EXTRA_CFLAGS) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(CFLAGS) $(EXTRA_CFLAGS) $(EXTRA_LDFLAGS) $(LDFLAGS)

define COMPILE_OBJECT
@echo "  CC      $@"
@mkdir -p $(@D)
@$(COMPILE) -MMD -MP -c -o $@ $<
endef

# A program of one source, with other objects and libraries.
define COMPILE_PROGRAM
@echo "  CC      $@"
@mkdir -p $(@D)
@$(COMPILE) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(EXTRA_LDFLAGS) \
    $(LDFLAGS) $(1) $B/libclient.a $(2) $(LIBS)
endef

SRCS := $(sort $(wildcard src/*.c src/*/*.c))
LIB_OBJS = $(patsubst src/%.c,$B/%.o,$(filter-out src/main.c,$(SRCS))) \
	$B/script_table.o
BIN = $B/cartridge-reload
LUA_DIRS := $(shell find src/lua -type d | LC_ALL=C sort)
LUA_FILES := $(shell find src/lua -name '*.lua' | LC_ALL=C sort)
UNIT_TESTS := $(patsubst tests/unit/%.c,$B/unit/%,\
	$(sort $(wildcard tests/unit/*/test_*.c)))
LONG_TESTS := $(patsubst tests/%.c,$B/%,$(sort $(wildcard tests/long/test_*.c)))
FAKES := $(patsubst tests/support/fakes/%.c,$B/fakes/%,$(sort \
	$(filter-out %/failmalloc.c,$(wildcard tests/support/fakes/*.c)))) \
	$B/fakes/failmalloc.so
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$B/%,\
	$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_OBJS = $B/heap.o $B/harmless.o
# Seconds for each target of `make fuzz`.
FUZZ_SECONDS ?= 8
BENCH_TOOLS := $(patsubst tests/bench/%.c,$B/bench-tools/%,\
	$(sort $(wildcard tests/bench/*.c)))
TABLES = $B/print_tables
SCHEMA = $B/print_schema
COMPLETIONS = $B/completion/cartridge-reload.bash \
	$B/completion/_cartridge-reload $B/completion/cartridge-reload.fish
SCRIPTS = .ci/run $(shell find scripts tests -name '*.sh' | LC_ALL=C sort)

# For a make of its own, unless its parent shares its number of jobs with it.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))

# What the suites are told.
TEST_ENV = TEST_JOBS=$(TEST_JOBS) BUILD_DIR=$B CARTRIDGE_RELOAD=$(CURDIR)/$(BIN) \
	TARANTOOL='$(TARANTOOL)' CARTRIDGE_ROCKS='$(CARTRIDGE_ROCKS)'

.DELETE_ON_ERROR:
.PHONY: all tests check check-long check-unit check-lua check-functional \
	check-live coverage count-lines instructions-update schema demo picture bench readme-figures check-deb \
	fuzz fuzz-targets lint analyze install uninstall dist deb compdb clean help \
	FORCE

all: $(BIN) $(COMPLETIONS)	## build the program (default)

tests: all $(UNIT_TESTS) $(LONG_TESTS) $(FAKES) $(BENCH_TOOLS) $(SCHEMA)	## build the tests without running them

$(BIN): $B/main.o $B/libclient.a
	@echo "  LINK    $@"
	@$(LINK) -o $@ $B/main.o $B/libclient.a $(LIBS)

# An archive, so that a unit test links only what its module needs.
$B/libclient.a: $(LIB_OBJS)
	@echo "  AR      $@"
	@rm -f $@ && $(AR) rcs $@ $(LIB_OBJS)

$B/%.o: src/%.c $B/flags
	$(COMPILE_OBJECT)

$B/script_table.o: $B/script_table.c $B/flags
	$(COMPILE_OBJECT)

# The directories too: a file that is gone must go from the table.
$B/script_table.c: scripts/embed.sh $(LUA_FILES) $(LUA_DIRS) | $B/flags
	@echo "  EMBED   $@"
	@scripts/embed.sh src/lua > $@

$(UNIT_TESTS) $(LONG_TESTS): $B/%: tests/%.c $B/libclient.a $B/flags
	$(call COMPILE_PROGRAM,$(TEST_LDFLAGS),-lcmocka)

# The rollout is tested with exchanges, a clock and signals that are made up.
WRAPPED = clock_ms clock_seconds exchange_due exchange_events exchange_fd \
	exchange_free exchange_sent exchange_start exchange_step \
	exchange_take_reply poll poller_free poller_new poller_set poller_wait \
	script_find signals_begin signals_clear signals_count signals_end
ROLLOUT_TESTS = $(filter $B/unit/rollout/%,$(UNIT_TESTS))
$(ROLLOUT_TESTS): $B/unit/rollout/fake.o
$(ROLLOUT_TESTS): TEST_LDFLAGS += $B/unit/rollout/fake.o \
	$(WRAPPED:%=-Wl,--wrap=%)

$B/unit/rollout/fake.o: tests/unit/rollout/fake.c $B/flags
	$(COMPILE_OBJECT)

$B/fakes/%: tests/support/fakes/%.c $B/libclient.a $B/flags
	$(COMPILE_PROGRAM)

$B/fakes/failmalloc.so: tests/support/fakes/failmalloc.c $B/flags
	@echo "  CC      $@"
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_DEFAULT_SOURCE $(WARNINGS) $(CPPFLAGS) $(CFLAGS) \
	    -fPIC -shared -o $@ $<

$(FUZZ_OBJS): $B/%.o: tests/fuzz/%.c $B/flags
	$(COMPILE_OBJECT)

$B/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJS) $B/libclient.a $B/flags
	$(call COMPILE_PROGRAM,$(FUZZ_OBJS))

$B/bench-tools/%: tests/bench/%.c $B/libclient.a $B/flags
	$(COMPILE_PROGRAM)

$(TABLES) $(SCHEMA): $B/%: scripts/%.c $B/libclient.a $B/flags
	$(COMPILE_PROGRAM)

$B/completion/cartridge-reload.bash: scripts/completion/bash.awk
$B/completion/_cartridge-reload: scripts/completion/zsh.awk
$B/completion/cartridge-reload.fish: scripts/completion/fish.awk
$(COMPLETIONS): scripts/completion/table.awk $(TABLES)
	@echo "  GEN     $@"
	@mkdir -p $(@D)
	@$(TABLES) | awk -f scripts/completion/table.awk \
	    -f $(filter-out %/table.awk,$(filter %.awk,$^)) > $@

# Changes when the compiler or its flags do, and then everything is rebuilt.
$B/flags: FORCE
	$(if $(PKG_LIBS),,$(error $(PKG_CONFIG) does not find $(PKGS): \
	    see scripts/install-deps.sh build))
	@mkdir -p $B
	@printf '%s\n' $(call quote,$(COMPILE) / $(LINK)) | cmp -s - $@ || \
	    printf '%s\n' $(call quote,$(COMPILE) / $(LINK)) > $@
quote = '$(subst ','\'',$1)'
FORCE:

# Build in a second make: this one called pkg-config before the packages were
# installed.
check:		## install what the tests need, build, and run the suites
	@scripts/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) tests
	@$(TEST_ENV) tests/run.sh live functional lua unit

# Memory faults, connection faults, kills, memory growth, instruction counts and
# binary ports; the suites that test C code with the sanitizers; the unit tests
# under valgrind; the fuzzers, always with the same seed: whether a change passes
# must not be a matter of luck.
check-long:	## run the slow tests: faults, sanitizers, valgrind, fuzzing
	@scripts/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) tests
	@$(TEST_ENV) MAKEFLAGS= tests/sum.sh \
	    'tests/run.sh long' \
	    'make coverage SAN=1' 'make check-unit VALGRIND=1' \
	    'FUZZ_SEED=1 make fuzz'

check-unit check-lua check-functional check-live:	## run one kind of suites
	@scripts/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) tests
	@$(TEST_ENV) tests/run.sh $(@:check-%=%)

# The least that is to be covered, in percent of the lines in src.
COVERAGE_MIN ?= 90

coverage:	## run the suites and list which lines they cover
	@scripts/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) COVERAGE=1 tests
	@$(MAKE) --no-print-directory COVERAGE=1 count-lines

# The other live suites test the Lua code only: the program itself does the same
# in all of them.
C_LIVE := $(patsubst %,live/%,cluster config_roles console escapes fleet iproto \
	mistakes push reload systemd)

count-lines:
	@find $B -name '*.gcda' -delete
	@$(TEST_ENV) tests/run.sh unit functional $(C_LIVE)
	@scripts/coverage.sh $B $(COVERAGE_MIN)

instructions-update:	## record the current instruction counts
	@scripts/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) tests
	@$(TEST_ENV) UPDATE=1 tests/long/instructions.sh

schema:		## regenerate doc/report.schema.json
	@$(MAKE) --no-print-directory $(SCHEMA)
	@$(SCHEMA) >doc/report.schema.json

demo:		## show a reload of a small web application
	@scripts/install-deps.sh demo
	@$(MAKE) --no-print-directory all
	@CARTRIDGE_RELOAD=$(CURDIR)/$(BIN) TARANTOOL='$(TARANTOOL)' \
	    scripts/demo.sh

picture:	## record the demo as the picture of the README
	@scripts/install-deps.sh demo
	@$(MAKE) --no-print-directory all
	@CARTRIDGE_RELOAD=$(CURDIR)/$(BIN) TARANTOOL='$(TARANTOOL)' \
	    scripts/picture.sh doc/demo.svg

bench:		## run the benchmarks
	@scripts/install-deps.sh bench
	@$(MAKE) --no-print-directory tests
	@$(TEST_ENV) tests/bench/run.sh $(BENCH_SECTIONS)

readme-figures:	## put the last make bench into doc/figures.md
	@scripts/readme_figures.sh $B/bench

fuzz:		## fuzz the parsers, FUZZ_SECONDS for each target
	@scripts/install-deps.sh fuzz
	@$(MAKE) --no-print-directory FUZZ=1 fuzz-targets
	@tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS)

fuzz-targets: $(FUZZ_TARGETS)

lint:		## check the manual, scripts, Lua, and warnings of two compilers
	@scripts/install-deps.sh lint
	@$(MAKE) --no-print-directory $B/completion/cartridge-reload.bash
	scripts/lint.sh '$(VERSION)' $(SCRIPTS) $B/completion/cartridge-reload.bash
	@$(MAKE) --no-print-directory $(PARALLEL) B=build/lint/gcc CC=gcc \
	    CFLAGS='-O2 -Werror' tests
	@$(MAKE) --no-print-directory $(PARALLEL) B=build/lint/clang CC=clang \
	    CFLAGS='-O2 -Werror' tests

# Each tool on each of our sources, on its own: some get confused by several.
ANALYSES = $(foreach tool,gcc clang tidy,\
	$(patsubst src/%.c,build/analyze/%.$(tool),$(SRCS)))
ANALYZE_CC = -O2 $(filter-out $(CFLAGS) $(EXTRA_CFLAGS),\
	$(wordlist 2,99,$(COMPILE)))

analyze:	## run the static analysers
	@scripts/install-deps.sh lint
	@$(MAKE) --no-print-directory -k -O $(PARALLEL) $(ANALYSES)

$(ANALYSES): $(wildcard src/*/*.h) .clang-tidy Makefile scripts/analyze.sh

build/analyze/%.gcc: src/%.c
	@scripts/analyze.sh gcc $@ $< $(ANALYZE_CC)

build/analyze/%.clang: src/%.c
	@scripts/analyze.sh clang $@ $< $(ANALYZE_CC)

build/analyze/%.tidy: src/%.c
	@scripts/analyze.sh tidy $@ $< $(ANALYZE_CC)

INSTALL_ENV = BUILD_DIR=$B VERSION='$(VERSION)' INSTALL='$(INSTALL)' \
	DESTDIR='$(DESTDIR)' BINDIR='$(BINDIR)' MANDIR='$(MANDIR)' \
	COMPLETIONDIR='$(COMPLETIONDIR)' DATADIR='$(DATADIR)' \
	ZSH_COMPLETIONDIR='$(ZSH_COMPLETIONDIR)' \
	FISH_COMPLETIONDIR='$(FISH_COMPLETIONDIR)'

install: all	## install below $(DESTDIR)$(PREFIX)
	@$(INSTALL_ENV) scripts/install.sh install

uninstall:	## remove what install installed
	@$(INSTALL_ENV) scripts/install.sh uninstall

TARBALL = build/dist/cartridge-reload-$(VERSION).tar.gz

dist:		## a tarball of the sources, in build/dist
	@[ ! -e .git ] || scripts/install-deps.sh dist
	@mkdir -p $(dir $(TARBALL))
	@scripts/packaging/dist.sh $(VERSION) $(CURDIR)/$(TARBALL)
	@echo $(TARBALL)

deb: dist	## a Debian package, in build/dist
	@scripts/install-deps.sh deb
	@scripts/packaging/deb.sh $(VERSION) $(TARBALL) build/dist
	@ls build/dist/*.deb

check-deb: deb	## install, use and remove the package in a new Debian
	@$(MAKE) --no-print-directory build/fakes/fake_console
	@scripts/packaging/check.sh build/dist build/fakes/fake_console

compdb:		## write compile_commands.json, for editors
	bear -- $(MAKE) --no-print-directory $(PARALLEL) -B tests

clean:		## remove everything that was built
	rm -rf build

help:		## this list
	@sed -n 's/^\([a-z][a-z -]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | \
	    expand -t 50

-include $(LIB_OBJS:.o=.d) $B/main.d $B/unit/rollout/fake.d \
	$(addsuffix .d,$(UNIT_TESTS) $(LONG_TESTS) $(FAKES) $(BENCH_TOOLS) $(TABLES) \
	$(SCHEMA) $(FUZZ_TARGETS)) \
	$(FUZZ_OBJS:.o=.d)
