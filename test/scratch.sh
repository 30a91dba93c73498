# test/scratch.sh: a private copy of the tree, for scripts that start servers.
#
# Sourced, never run.  Everything that a test makes lies in one directory under
# /tmp, and is gone when the script ends, however it ends; the tree itself is
# only read.  PostgreSQL refuses to run as root, so for root the servers and
# tests run as "nobody": unlike "postgres" it owns nothing here, and no mistake
# of a test can reach an existing cluster.  Root builds and installs from the
# copy first and hands it over afterwards, so that root never runs what
# "nobody" could have changed.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The caller's make, server, language and time zone are none of the tests'.
# LANG besides LC_ALL, because PostgreSQL's own test runners unset the latter.
pg_config=${PG_CONFIG:-pg_config}
unset MAKEFLAGS MFLAGS MAKELEVEL LANGUAGE "${!PG@}"
export PG_CONFIG=$pg_config LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC

# Temporary files of all programs go there too.  The path is short, because
# the name of a socket may have no more than 107 bytes.
scratch=$(mktemp -d /tmp/wb.XXXXXX)
tree=$scratch/tree
export TMPDIR=$scratch HOME=$scratch
trap remove_scratch EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ "$(id -u)" -eq 0 ]; then
	as_root() { "$@"; }
	as_runner() { runuser -u nobody -- "$@"; }
else
	as_root() { if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then "$@"; else sudo "$@"; fi; }
	as_runner() { "$@"; }
fi

say() {
	printf '==> %s\n' "$*"
}

# The servers on a data directory of ours, by the id of the process; one that
# pg_ctl is about to start is a shell that names it in quotes.  grep fails when
# any process ends while it reads, and what it has found counts all the same.
find_servers() {
	{ grep -laP -- "-D[\x00 \"]+\Q$scratch\E/" /proc/[0-9]*/cmdline 2>/dev/null || true; } |
		cut -d/ -f3
}

# Stop every server and remove it all, though the user interrupts once more.
# A server that is only about to start has no pid file yet, so the list of
# processes is asked, and asked again until none is left.
remove_scratch() {
	local pids
	trap '' INT TERM HUP
	cd /
	while pids=$(find_servers) && [ -n "$pids" ]; do
		kill -QUIT $pids 2>/dev/null || true
		sleep 0.1
	done
	rm -rf "$scratch"
}

# Copy, build and install; "$@" goes to make.
build_and_install() {
	mkdir "$tree"
	tar -C "$top" --exclude=./.git --exclude-vcs-ignores -cf - . | tar -C "$tree" -xf -
	cd "$tree"
	say "building with $("$PG_CONFIG" --version)"
	make -s -j2 all "$@"
	[ "${lint:-no}" = no ] || { say "lint"; test/lint/run | tee "$scratch/lint"; }
	say "installing into $("$PG_CONFIG" --pkglibdir) and $("$PG_CONFIG" --sharedir)/extension"
	as_root make -s install PG_CONFIG="$PG_CONFIG" "$@"
	if [ "$(id -u)" -eq 0 ]; then
		chown -R nobody: "$scratch"
	fi
}
