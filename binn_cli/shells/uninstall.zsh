compdef -d binn
unfunction _binn_complete
