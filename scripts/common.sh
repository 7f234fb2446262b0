# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts/test and scripts/demo: where a build lies, and bringing it up to date.

say() {
	printf '%s\n' "$*" >&2
}

# Prints the build folder of this user: $VANITY_BUILD, else build/, else (root built there, or the
# tree is read-only) one of the user's own.
build_folder() {
	own=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/vanity/build
	if [ -n "${VANITY_BUILD-}" ]; then
		echo "$VANITY_BUILD"
	elif [ -d build ]; then
		if [ -O build ]; then echo build; elif [ -w . ]; then echo "build-$(id -un)"; else echo "$own"; fi
	elif [ -w . ]; then
		echo build
	else
		echo "$own"
	fi
}

# configure FOLDER [MESON ARGUMENT]...: makes the build folder, or brings it up to date.
configure() {
	folder=$1
	shift
	mkdir -p "$folder" || return 1
	if [ -f "$folder/meson-private/coredata.dat" ]; then
		# A folder made by another meson or another checkout is made again.
		meson setup --reconfigure "$folder" "$@" >"$folder/configure.log" 2>&1 ||
			meson setup --wipe "$folder" "$@" >"$folder/configure.log" 2>&1
	else
		meson setup "$folder" "$@" >"$folder/configure.log" 2>&1
	fi || {
		cat "$folder/configure.log" >&2
		say "could not configure $folder"
		return 1
	}
	grep '^WARNING' "$folder/configure.log" >&2 || :
}

# install_deps [ARGUMENT]...: unless VANITY_NO_INSTALL=1.
install_deps() {
	if [ "${VANITY_NO_INSTALL-}" = 1 ]; then
		missing=$(scripts/install-deps --list "$@" 2>/dev/null)
		[ -z "$missing" ] || say "missing, and VANITY_NO_INSTALL=1:" $missing
		return 0
	fi
	scripts/install-deps "$@"
}
