# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# bash completion for coldplug(8). Commands and options are those that --help prints.

# The names of the commands.
_coldplug_commands() {
	"$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# The long options of a command: _coldplug_options PROGRAM COMMAND.
_coldplug_options() {
	"$1" "$2" --help 2>/dev/null | sed -n 's/^  .\{0,4\}\(--[a-z-]*\).*/\1/p'
}

# What the value of an option is called, or nothing: _coldplug_value PROGRAM COMMAND OPTION.
_coldplug_value() {
	case $3 in
	--*) "$1" "$2" --help 2>/dev/null | sed -n "s/^  .\{0,4\}$3 \([A-Z:]*\) .*/\1/p" ;;
	-?) "$1" "$2" --help 2>/dev/null | sed -n "s/^  $3, --[a-z-]* \([A-Z:]*\) .*/\1/p" ;;
	esac
}

_coldplug_releases() {
	local dir
	for dir in "$1"/lib/modules/*/; do
		dir=${dir%/}
		[ ! -d "$dir" ] || printf '%s\n' "${dir##*/}"
	done
}

# The names in modules.dep: _coldplug_modules ROOT RELEASE.
_coldplug_modules() {
	local release=${2:-$(uname -r)}
	if [ -n "$1" ] && [ -z "$2" ]; then release=$(_coldplug_releases "$1" | head -n 1); fi
	sed -n 's|^\([^:]*/\)\{0,1\}\([^/:.]*\)\.ko[^:]*:.*|\2|p' "$1/lib/modules/$release/modules.dep" 2>/dev/null
}

# Completes $cur by words: _coldplug_words WORD...
_coldplug_words() {
	# shellcheck disable=SC2154 # the caller's
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_coldplug_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
}

# The value of an option. Fails if it takes none.
_coldplug_complete_value() {
	local program=$1 command=$2 option=$3 root=$4 value
	value=$(_coldplug_value "$program" "$command" "$option")
	case $value in
	'') return 1 ;;
	DIR) _coldplug_files -d ;;
	KVER) _coldplug_words "$(_coldplug_releases "$root")" ;;
	METHOD) _coldplug_words none gzip xz zstd "$(case $option in *module* | -M) echo keep ;; *) echo lz4 ;; esac)" ;;
	SPEC)
		if [[ $cur == /* ]]; then _coldplug_files -f; else _coldplug_words /dev/ UUID= LABEL= PARTUUID= PARTLABEL=; fi
		compopt -o nospace 2>/dev/null
		;;
	TYPE) _coldplug_words none "$(sed 's/.*\t//' /proc/filesystems 2>/dev/null)" ;;
	NAME) _coldplug_words "$(_coldplug_modules "$root" "$release")" ;;
	N | BYTES | SECONDS | FD) ;;
	*) _coldplug_files -f ;;
	esac
	return 0
}

_coldplug_complete_argument() {
	local program=$1 command=$2 root=$3 release=$4
	case $command in
	help) _coldplug_words "$(_coldplug_commands "$program")" ;;
	record | replay | plot | blame | profile) _coldplug_files -f ;;
	remove) _coldplug_words "$("$program" list --root "${root:-/}" 2>/dev/null | sed '1d; s/ .*//')" ;;
	list | image | init | bench) ;;
	*)
		if [[ $cur == /* || $cur == ./* || $cur == ../* ]]; then
			_coldplug_files -f
		else
			_coldplug_words "$(_coldplug_modules "$root" "$release")"
		fi
		;;
	esac
}

_coldplug() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local program=${COMP_WORDS[0]/#\~/$HOME} command=${COMP_WORDS[1]} root='' release='' i option

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_coldplug_words "$(_coldplug_commands "$program")" help --help --version
		return
	fi
	# bash takes the "=" of --option=value as a word.
	if [ "$cur" = = ]; then
		cur=''
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		option=${COMP_WORDS[i]}
		if [ "${COMP_WORDS[i + 1]}" = = ]; then ((i++)); fi
		case $option in
		--root) root=${COMP_WORDS[i + 1]%/} ;;
		-S | --release | --set-version) release=${COMP_WORDS[i + 1]} ;;
		esac
	done
	if [[ $prev == -* ]] && _coldplug_complete_value "$program" "$command" "$prev" "$root"; then
		return
	fi
	if [[ $cur == -* ]]; then
		_coldplug_words "$(_coldplug_options "$program" "$command")"
	else
		_coldplug_complete_argument "$program" "$command" "$root" "$release"
	fi
}

complete -F _coldplug coldplug
