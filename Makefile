# wb_automations: build, test and upkeep.  `make help` lists the targets.

EXTENSION  = wb_automations
MODULE_big = wb_automations
PGFILEDESC = "wb_automations - automations over experiment tracking tables"

PG_CONFIG ?= pg_config

# These goals need no PostgreSQL on the machine before they run (the first of
# them installs it), or bring their own make; all others are PGXS's.
UPKEEP = help deps demo check check-deep lint indent bench soak coverage mutants

# `check` is a name that PGXS takes for itself, so the two never meet.
ifneq (,$(filter check,$(MAKECMDGOALS)))
ifneq (,$(filter-out $(UPKEEP),$(MAKECMDGOALS)))
$(error `make check` builds and installs by itself: run it alone)
endif
endif

ifneq (,$(filter-out $(UPKEEP),$(or $(MAKECMDGOALS),all)))

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq (,$(wildcard $(PGXS)))
$(error no PostgreSQL to build against: run `make deps`, or name one with PG_CONFIG=/path/to/pg_config)
endif

# The control file is the one place that states the version.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

SRCS := $(sort $(wildcard src/*.c src/*/*.c))
OBJS := $(SRCS:.c=.o)

# Install script: the numbered modules of sql/, in order.
SQL_MODULES := $(sort $(wildcard sql/[0-9][0-9]_*.sql))
DATA_built   = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA        := $(wildcard sql/$(EXTENSION)--*--*.sql)

# -isystem keeps PostgreSQL's own headers out of our warning budget.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) -Isrc
PG_CPPFLAGS += -DWB_VERSION='"$(EXTVERSION)"'
ifeq ($(shell $(PG_CONFIG) --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'),15)
# From 16 on the server says so itself.
PG_CPPFLAGS += -D'PGDLLEXPORT=__attribute__((visibility("default")))'
endif
PG_CFLAGS = -std=gnu11 -fvisibility=hidden -MMD -MP \
	-Wall -Wextra -Wcast-qual -Wshadow -Wundef
# Callbacks have the parameters that they are given.
PG_CFLAGS += -Wno-unused-parameter
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument
endif
ifeq ($(STRICT),1)
PG_CFLAGS += -Werror
endif
SHLIB_LINK = -lcurl -lcrypto
ifdef SANITIZE
PG_CFLAGS  += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
SHLIB_LINK += -fsanitize=$(SANITIZE) -static-libubsan
endif
ifeq ($(COVERAGE),1)
PG_CFLAGS  += --coverage -O0
SHLIB_LINK += --coverage
endif

# No bitcode: a build needs a C compiler, not clang besides.
override with_llvm = no

# pg_regress looks for NAME.sql in ./sql, then in test/sql, and for NAME.out in
# ./expected: --inputdir alone gives test/sql + expected/ on every major.  The
# lint "names" keeps an install module from shadowing a test.  Both runners
# start a server of their own.  An empty list switches a runner off.
TEST_SERVER     = --inputdir=test --temp-config=test/conf/regress.conf \
                  --load-extension=$(EXTENSION) --encoding=UTF8 --no-locale
REGRESS        := $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS    = $(TEST_SERVER) --temp-instance=tmp_check
ISOLATION      := $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS  = $(TEST_SERVER) --temp-instance=tmp_check_iso --outputdir=.
PROVE_TESTS    := $(sort $(wildcard test/t/*.pl))
TAP_TESTS      := $(if $(PROVE_TESTS),1)

EXTRA_CLEAN = $(SRCS:.c=.d) $(SRCS:.c=.gcda) $(SRCS:.c=.gcno) \
	sql/$(EXTENSION)--$(EXTVERSION).sql

include $(PGXS)
-include $(SRCS:.c=.d)

PROVE_FLAGS += -I test/perl

$(DATA_built): $(SQL_MODULES) $(EXTENSION).control
	cat $(SQL_MODULES) > $@

else

# What the scripts below build and run is said here once.
export PG_CONFIG

.PHONY: $(UPKEEP)

help:
	@sed -n 's/^#> //p' Makefile

#> make             build against the server of pg_config (PG_CONFIG=... for another)
#> make install     copy the library and the SQL into that server (needs its rights)
#> make installcheck  the tests, against what is installed

#> make deps        install what is missing to build and test (Debian, root or sudo)
deps:
	@test/deps

#> make demo        see it work: a run that diverges, the messages it causes
#>                  CURVE=file.csv replays your own curve, KEEP=1 leaves the server up
demo:
	@test/demo/run

#> make check       everything: deps, strict build, lint, install, all tests
check:
	@test/check

#> make check-deep  the tests on servers that assert, and under the address sanitizer and valgrind
check-deep:
	@test/deep/run

#> make lint        the rules of test/lint alone
lint:
	@test/lint/run

#> make indent      lay out src/ as PostgreSQL does
indent:
	@test/lint/indent --write

#> make bench       the measurements of test/bench
bench:
	@test/bench/run

#> make soak        kill worker and server under load, starve it: is anything lost?
soak:
	@test/soak/run

#> make mutants     invert each rule of docs/conformance.md: does its test fail?
mutants:
	@test/mutants/run

#> make coverage    the tests once more, counting lines
coverage:
	@COVERAGE=1 test/check

endif
