_rdock() {
    local IFS=$'\013' line=$COMP_LINE words=() cword=0 i rest values=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        if ((i > 0)) && [[ $rest != "$line" || ${COMP_WORDS[i]} == "" && ${COMP_WORDS[i - 1]} != *[:=] ]]; then
            ((++cword))
        fi
        words[cword]+=${COMP_WORDS[i]}
        line=${rest#"${COMP_WORDS[i]}"}
    done
    local typed=${words[cword]}
    COMPREPLY=($(_CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$cword _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
        _CLAP_COMPLETE_SPACE=false COMPLETE=bash rdock -- "${words[@]}" 2>/dev/null)) || COMPREPLY=()
    if [[ $typed != -* ]]; then
        for rest in "${COMPREPLY[@]}"; do
            [[ $rest == -* ]] || values+=("$rest")
        done
        ((${#values[@]} == 0)) || COMPREPLY=("${values[@]}")
    fi
    if [[ ${COMPREPLY-} == *[=/:] ]]; then
        compopt -o nospace
    fi
    if [[ $COMP_WORDBREAKS == *:* && $typed == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${typed%:*}:"}")
    fi
}
complete -o bashdefault -o default -F _rdock rdock
