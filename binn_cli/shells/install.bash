_binn_complete() {
    local line word found stem candidate
    local -a candidates=()
    line=${COMP_LINE:0:COMP_POINT}
    word=${line##* }
    found=$(COMP_LINE=$line COMP_POINT=${#line} "${COMP_WORDS[0]}" -sc query=bash 2>/dev/null)
    # bash breaks words at = and completes what is behind it.
    stem=${word%"${word##*[=:]}"}
    while IFS= read -r candidate; do
        [[ -n $candidate && $candidate == "$word"* ]] && candidates+=("${candidate#"$stem"}")
    done <<< "$found"
    COMPREPLY=("${candidates[@]}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=./] ]]; then
        compopt -o nospace
    fi
}
complete -o default -F _binn_complete binn
