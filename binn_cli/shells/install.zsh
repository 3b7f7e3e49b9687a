(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
_binn_complete() {
    local line found candidate
    local -a open closed
    line="${(j: :)words[1,CURRENT]}"
    found=$(COMP_LINE="$line" COMP_POINT=${#line} "${words[1]}" -sc query=zsh 2>/dev/null)
    for candidate in "${(@f)found}"; do
        [[ -z $candidate ]] && continue
        if [[ $candidate == *[=./] ]]; then open+=("$candidate"); else closed+=("$candidate"); fi
    done
    if (( ${#open} + ${#closed} )); then
        (( ${#open} )) && compadd -Q -S '' -a open
        (( ${#closed} )) && compadd -Q -a closed
    else
        _files
    fi
}
compdef _binn_complete binn
