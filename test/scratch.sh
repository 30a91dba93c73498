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
pg_config=${PG_CONFIG:-pg_config}
unset MAKEFLAGS MFLAGS MAKELEVEL LANGUAGE "${!PG@}"
export PG_CONFIG=$pg_config LC_ALL=C.UTF-8 TZ=UTC

# The path is short, because a socket's name may have no more than 107 bytes.
scratch=$(mktemp -d /tmp/wb.XXXXXX)
tree=$scratch/tree
trap remove_scratch EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ "$(id -u)" -eq 0 ]; then
	as_root() { "$@"; }
	as_runner() { HOME=$scratch runuser -u nobody -- "$@"; }
else
	as_root() { if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then "$@"; else sudo "$@"; fi; }
	as_runner() { "$@"; }
fi

say() {
	printf '==> %s\n' "$*"
}

# Stop what still runs on a data directory of ours, and remove it all.
remove_scratch() {
	local pid_file
	cd /
	while read -r pid_file; do
		as_runner "$("$PG_CONFIG" --bindir)/pg_ctl" stop -s -m immediate \
			-D "${pid_file%/*}" || true
	done < <(find "$scratch" -name postmaster.pid 2>/dev/null) >/dev/null 2>&1
	rm -rf "$scratch"
}

# Copy, build and install; "$@" goes to make.
build_and_install() {
	mkdir "$tree"
	tar -C "$top" --exclude=./.git --exclude-vcs-ignores -cf - . | tar -C "$tree" -xf -
	cd "$tree"
	say "building with $("$PG_CONFIG" --version)"
	make -s -j2 all "$@"
	[ "${lint:-no}" = no ] || { say "lint"; test/lint/run; }
	say "installing into $("$PG_CONFIG" --pkglibdir) and $("$PG_CONFIG" --sharedir)/extension"
	as_root make -s install PG_CONFIG="$PG_CONFIG" "$@"
	if [ "$(id -u)" -eq 0 ]; then
		chown -R nobody: "$scratch"
	fi
}
