function __binn_complete
    set -l line (commandline -cp)
    set -l program (commandline -cpo)[1]
    COMP_LINE=$line COMP_POINT=(string length -- $line) $program -sc query=fish 2>/dev/null
end
# No paths where a verb or something of Hydra's stands.
complete -c binn -n 'test (count (commandline -cpo)) -lt 2; or contains -- run (commandline -cpo)' -f
complete -c binn -a '(__binn_complete)'
