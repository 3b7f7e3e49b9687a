complete -c binn -e
functions -e __binn_complete
