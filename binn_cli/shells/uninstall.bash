complete -r binn 2>/dev/null
unset -f _binn_complete
