# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rdock_global_optspecs
    string join \n v/version config= h/help
end

function __fish_rdock_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rdock_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rdock_using_subcommand
    set -l cmd (__fish_rdock_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rdock -n "__fish_rdock_needs_command" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_needs_command" -s v -l version -d 'Print version information and quit'
complete -c rdock -n "__fish_rdock_needs_command" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "catalog" -d 'List the repositories of a registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "image" -d 'Manage images'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "images" -d 'List images'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "login" -d 'Authenticate to a registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "logout" -d 'Log out from a registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "pull" -d 'Download an image from a registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "push" -d 'Upload an image to a registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "rmi" -d 'Remove one or more images'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "search" -d 'Search a registry for images: Docker Hub, or HOST[:PORT]/TERM'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "tags" -d 'List the tags of a repository on its registry'
complete -c rdock -n "__fish_rdock_needs_command" -f -a "version" -d 'Show the rdock version information'
complete -c rdock -n "__fish_rdock_using_subcommand catalog" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand catalog" -l json -d 'Print JSON'
complete -c rdock -n "__fish_rdock_using_subcommand catalog" -s q -l quiet -d 'Only print the names'
complete -c rdock -n "__fish_rdock_using_subcommand catalog" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand catalog" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "ls" -d 'List images'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "list" -d 'List images'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "pull" -d 'Download an image from a registry'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "push" -d 'Upload an image to a registry'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "rm" -d 'Remove one or more images'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "remove" -d 'Remove one or more images'
complete -c rdock -n "__fish_rdock_using_subcommand image; and not __fish_seen_subcommand_from ls list pull push rm remove tag" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all images (docker hides intermediate images; rdock has none)'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -l digests -d 'Show digests'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Don\'t truncate output'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only show image IDs'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all images (docker hides intermediate images; rdock has none)'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -l digests -d 'Show digests'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -l no-trunc -d 'Don\'t truncate output'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only show image IDs'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l platform -d 'Set platform if the registry offers several' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l max-concurrent -d 'Connections at once at most (default: as many as help, up to 16)' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l limit-rate -d 'Bytes a second at most, such as 500k or 2.5m' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l stall-timeout -d 'Reconnect when no byte has come for so long' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l timeout -d 'Give up after so long, such as 90s or 10m' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l progress -d 'How to show progress: auto, tty, plain, json or none' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -s a -l all-tags -d 'Download all tagged images in the repository'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Suppress verbose output'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l max-concurrent -d 'Connections at once at most (default: as many as help, up to 16)' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l limit-rate -d 'Bytes a second at most, such as 500k or 2.5m' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l stall-timeout -d 'Reconnect when no byte has come for so long' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l timeout -d 'Give up after so long, such as 90s or 10m' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l progress -d 'How to show progress: auto, tty, plain, json or none' -r
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Suppress verbose output'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from rm" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force removal of the image'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from rm" -l no-prune -d 'Do not delete untagged parents'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from remove" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force removal of the image'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from remove" -l no-prune -d 'Do not delete untagged parents'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from tag" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand image; and __fish_seen_subcommand_from tag" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand images" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand images" -s a -l all -d 'Show all images (docker hides intermediate images; rdock has none)'
complete -c rdock -n "__fish_rdock_using_subcommand images" -l digests -d 'Show digests'
complete -c rdock -n "__fish_rdock_using_subcommand images" -l no-trunc -d 'Don\'t truncate output'
complete -c rdock -n "__fish_rdock_using_subcommand images" -s q -l quiet -d 'Only show image IDs'
complete -c rdock -n "__fish_rdock_using_subcommand images" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand login" -s u -l username -d 'Username' -r
complete -c rdock -n "__fish_rdock_using_subcommand login" -s p -l password -d 'Password or Personal Access Token (PAT)' -r
complete -c rdock -n "__fish_rdock_using_subcommand login" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand login" -l password-stdin -d 'Take the Password or Personal Access Token (PAT) from stdin'
complete -c rdock -n "__fish_rdock_using_subcommand login" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdock -n "__fish_rdock_using_subcommand logout" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l platform -d 'Set platform if the registry offers several' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l max-concurrent -d 'Connections at once at most (default: as many as help, up to 16)' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l limit-rate -d 'Bytes a second at most, such as 500k or 2.5m' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l stall-timeout -d 'Reconnect when no byte has come for so long' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l timeout -d 'Give up after so long, such as 90s or 10m' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l progress -d 'How to show progress: auto, tty, plain, json or none' -r
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand pull" -s a -l all-tags -d 'Download all tagged images in the repository'
complete -c rdock -n "__fish_rdock_using_subcommand pull" -s q -l quiet -d 'Suppress verbose output'
complete -c rdock -n "__fish_rdock_using_subcommand pull" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand pull" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand push" -l max-concurrent -d 'Connections at once at most (default: as many as help, up to 16)' -r
complete -c rdock -n "__fish_rdock_using_subcommand push" -l limit-rate -d 'Bytes a second at most, such as 500k or 2.5m' -r
complete -c rdock -n "__fish_rdock_using_subcommand push" -l stall-timeout -d 'Reconnect when no byte has come for so long' -r
complete -c rdock -n "__fish_rdock_using_subcommand push" -l timeout -d 'Give up after so long, such as 90s or 10m' -r
complete -c rdock -n "__fish_rdock_using_subcommand push" -l progress -d 'How to show progress: auto, tty, plain, json or none' -r
complete -c rdock -n "__fish_rdock_using_subcommand push" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c rdock -n "__fish_rdock_using_subcommand push" -s q -l quiet -d 'Suppress verbose output'
complete -c rdock -n "__fish_rdock_using_subcommand push" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand push" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand rmi" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand rmi" -s f -l force -d 'Force removal of the image'
complete -c rdock -n "__fish_rdock_using_subcommand rmi" -l no-prune -d 'Do not delete untagged parents'
complete -c rdock -n "__fish_rdock_using_subcommand rmi" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand search" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c rdock -n "__fish_rdock_using_subcommand search" -l limit -d 'Max number of search results' -r
complete -c rdock -n "__fish_rdock_using_subcommand search" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand search" -l no-trunc -d 'Don\'t truncate output'
complete -c rdock -n "__fish_rdock_using_subcommand search" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand search" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand tag" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand tag" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand tags" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand tags" -l json -d 'Print JSON'
complete -c rdock -n "__fish_rdock_using_subcommand tags" -s q -l quiet -d 'Only print the names'
complete -c rdock -n "__fish_rdock_using_subcommand tags" -l insecure -d 'Allow plain HTTP and unverified certificates'
complete -c rdock -n "__fish_rdock_using_subcommand tags" -s h -l help -d 'Print help'
complete -c rdock -n "__fish_rdock_using_subcommand version" -l config -d 'Location of client config files (default "~/.docker")' -r -F
complete -c rdock -n "__fish_rdock_using_subcommand version" -s h -l help -d 'Print help'
