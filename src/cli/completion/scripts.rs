//! The scripts of bash and zsh where clap's own do not do: bash splits words at each colon of an image name, and zsh
//! runs a script of its `fpath` anew as the completion itself.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::env::{self, EnvCompleter};

/// A shell that clap completes for, with a script of ours.
pub(super) struct Scripted {
    shell: &'static dyn EnvCompleter,
    script: Script,
}

enum Script {
    InsteadOfClaps(&'static str),
    BehindClaps(&'static str),
}

/// Bash 4 and later.
pub(super) const BASH: Scripted = Scripted {
    shell: &env::Bash,
    script: Script::InsteadOfClaps(JOIN_WORDS),
};

/// Zsh, from the first Tab on.
pub(super) const ZSH: Scripted = Scripted {
    shell: &env::Zsh,
    script: Script::BehindClaps(WHEN_CALLED),
};

/// Joins the words that `COMP_WORDBREAKS` split, asks, and takes off what bash will keep: all up to the last colon.
/// Flags are offered when a dash is typed, or when there is nothing else. Answers are separated by the vertical tab
/// that clap's engine is told of.
const JOIN_WORDS: &str = r#"_NAME() {
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
        _CLAP_COMPLETE_SPACE=false VAR=bash COMPLETER -- "${words[@]}" 2>/dev/null)) || COMPREPLY=()
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
complete -o bashdefault -o default -F _NAME BIN
"#;

/// A script in `fpath` is not only loaded but called.
const WHEN_CALLED: &str = r#"
if [[ ${funcstack[1]} == _BIN ]]; then
    _clap_dynamic_completer_NAME "$@"
fi
"#;

impl EnvCompleter for Scripted {
    fn name(&self) -> &'static str {
        self.shell.name()
    }

    fn is(&self, name: &str) -> bool {
        self.shell.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        program: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let script = match self.script {
            Script::InsteadOfClaps(script) => script,
            Script::BehindClaps(script) => {
                self.shell.write_registration(variable, name, program, completer, out)?;
                script
            }
        };
        let script = script
            .replace("NAME", name)
            .replace("BIN", program)
            .replace("COMPLETER", completer)
            .replace("VAR", variable);
        out.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.shell.write_complete(command, words, folder, out)
    }
}
