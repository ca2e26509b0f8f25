complete --keep-order --exclusive --command rdock --arguments "(COMPLETE=fish rdock -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
