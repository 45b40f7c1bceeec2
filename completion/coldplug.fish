# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for coldplug(8). Commands and options are those that --help prints.

function __coldplug_words
    commandline -opc
end

function __coldplug_commands
    set -l words (__coldplug_words)
    $words[1] --help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
    printf 'help\tshow the help of a command\n'
end

function __coldplug_needs_command
    test (count (__coldplug_words)) -eq 1
end

# Whether the command is one of these.
function __coldplug_command_is
    set -l words (__coldplug_words)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

# The value of --root or of --release that was given.
function __coldplug_given
    set -l words (__coldplug_words)
    for i in (seq 2 (count $words))
        for option in $argv
            if test "$words[$i]" = $option; and test $i -lt (count $words)
                echo $words[(math $i + 1)]
            else if string match -q -- "$option=*" $words[$i]
                string replace -- "$option=" '' $words[$i]
            end
        end
    end | tail -n 1
end

function __coldplug_releases
    set -l root (__coldplug_given --root)
    for dir in "$root"/lib/modules/*/
        string replace -r '.*/([^/]+)/$' '$1' $dir
    end
end

function __coldplug_modules
    set -l root (__coldplug_given --root)
    set -l release (__coldplug_given --release -S --set-version)
    if test -z "$release"
        test -n "$root"; and set release (__coldplug_releases)[1]; or set release (uname -r)
    end
    sed -n 's|^\([^:]*/\)\{0,1\}\([^/:.]*\)\.ko[^:]*:.*|\2|p' "$root/lib/modules/$release/modules.dep" 2>/dev/null
end

function __coldplug_loaded
    set -l words (__coldplug_words)
    set -l root (__coldplug_given --root)
    test -n "$root"; or set root /
    $words[1] list --root $root 2>/dev/null | sed '1d; s/ .*//'
end

function __coldplug_help
    set -l words (__coldplug_words)
    $words[1] $words[2] --help 2>/dev/null | string replace -r '\[=[A-Z]*\] ' ' '
end

# The options of the command with what they do.
function __coldplug_options
    __coldplug_help | string replace -rf '^  (?:-., |    )(--[a-z-]+)(?: [A-Z:]+)? +(.*)' '$1\t$2'
    __coldplug_help | string replace -rf '^  (-.), --[a-z-]+(?: [A-Z:]+)? +(.*)' '$1\t$2'
end

# What the value of the option before the cursor is called in --help, or nothing.
function __coldplug_value
    set -l words (__coldplug_words)
    set -l option $words[-1]
    test (count $words) -gt 2; or return
    switch $option
        case '--*'
            __coldplug_help | string replace -rf -- "^  (?:-., |    )$option ([A-Z:]+) .*" '$1'
        case '-?'
            __coldplug_help | string replace -rf -- "^  $option, --[a-z-]+ ([A-Z:]+) .*" '$1'
    end
end

function __coldplug_complete
    switch (__coldplug_value)
        case DIR
            __fish_complete_directories (commandline -ct)
        case KVER
            __coldplug_releases
        case METHOD
            printf '%s\n' none keep gzip xz zstd lz4
        case SPEC
            printf '%s\n' UUID= LABEL= PARTUUID= PARTLABEL=
            __fish_complete_path (commandline -ct)
        case TYPE
            echo none
            sed 's/.*\t//' /proc/filesystems 2>/dev/null
        case NAME
            __coldplug_modules
        case N BYTES SECONDS FD
        case ''
            __coldplug_complete_argument
        case '*'
            __fish_complete_path (commandline -ct)
    end
end

function __coldplug_complete_argument
    if string match -q -- '-*' (commandline -ct)
        __coldplug_options
    else if __coldplug_command_is help
        __coldplug_commands
    else if __coldplug_command_is record replay plot blame profile; or string match -qr '^(/|\./|\.\./)' -- (commandline -ct)
        __fish_complete_path (commandline -ct)
    else if __coldplug_command_is remove
        __coldplug_loaded
    else if not __coldplug_command_is list image init bench
        __coldplug_modules
    end
end

complete -c coldplug -f
complete -c coldplug -n __coldplug_needs_command -a '(__coldplug_commands)'
complete -c coldplug -n __coldplug_needs_command -l help -d 'print the commands'
complete -c coldplug -n __coldplug_needs_command -l version -d 'print the version'
complete -c coldplug -n 'not __coldplug_needs_command' -a '(__coldplug_complete)'
