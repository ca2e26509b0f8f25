use serde_json::{Value, json};

use super::RunConfig;

fn changed(changes: &[&str]) -> Value {
    let mut config = RunConfig::default();
    for change in changes {
        config.change(change).unwrap();
    }
    serde_json::to_value(config).unwrap()
}

fn refused(change: &str) -> String {
    RunConfig::default().change(change).unwrap_err().to_string()
}

/// The configuration that docker 20.10.24 made of the same changes, without the members it left empty.
#[test]
fn changes_are_applied_as_docker_does() {
    let config = changed(&[
        r#"CMD ["a","b"]"#,
        r#"ENV a=b c="d e""#,
        "ENV x y z",
        "EXPOSE 80 443/udp 8000-8002",
        "LABEL a=b",
        "ENTRYPOINT run me",
        "USER bob",
        "WORKDIR /a",
        "WORKDIR b",
        "VOLUME /v /w",
        r#"VOLUME ["/x"]"#,
        "ONBUILD RUN x y",
        "HEALTHCHECK --interval=5s --retries=3 CMD curl x",
    ]);
    let expected = json!({
        "User": "bob",
        "ExposedPorts": {"443/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {}},
        "Env": ["a=b", "c=d e", "x=y z"],
        "Cmd": ["a", "b"],
        "Healthcheck": {"Test": ["CMD-SHELL", "curl x"], "Interval": 5_000_000_000_u64, "Retries": 3},
        "Volumes": {"/v": {}, "/w": {}, "/x": {}},
        "WorkingDir": "/a/b",
        "Entrypoint": ["/bin/sh", "-c", "run me"],
        "OnBuild": ["RUN x y"],
        "Labels": {"a": "b"}
    });
    assert_eq!(config, expected);
}

#[test]
fn words_are_read_as_a_shell_reads_them() {
    let config = changed(&[
        "env A=1 B=\"$A 2\" C='$A' D=a\\ b\n# a comment\nENV A=3 \\\n  E=${A}x F=${NO:-no} G=${A:+yes}",
        "WORKDIR /srv/$A/../x",
        "STOPSIGNAL SIGQUIT",
        "cmd",
        "HEALTHCHECK NONE",
    ]);
    let env = json!(["A=3", "B= 2", "C=$A", "D=a b", "E=x", "F=no", "G="]);
    // As in docker each pair sees those before it in the configuration.
    assert_eq!(config["Env"][0], env[0]);
    assert_eq!(config["Env"][1], "B=1 2");
    assert_eq!(config["Env"][2], env[2]);
    assert_eq!(config["Env"][3], env[3]);
    assert_eq!(config["Env"][5], env[5]);
    assert_eq!(config["WorkingDir"], "/srv/x");
    assert_eq!(config["StopSignal"], "SIGQUIT");
    assert_eq!(config["Healthcheck"], json!({"Test": ["NONE"]}));
    assert_eq!(config.get("Cmd"), None);
}

/// Recorded from docker 20.10.24.
#[test]
fn bad_changes_are_refused_in_docker_s_words() {
    for (change, words) in [
        ("FROM x", "from is not a valid change command"),
        ("RUN y", "run is not a valid change command"),
        ("FOO bar", "foo is not a valid change command"),
        ("EXPOSE abc", "Invalid containerPort: abc"),
        ("EXPOSE 99999", "Invalid containerPort: 99999"),
        ("EXPOSE 80/foo", "Invalid proto: foo"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV =b", "ENV names can not be blank"),
        ("LABEL a", "LABEL must have two arguments"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("HEALTHCHECK foo", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("", "file with no instructions"),
        ("#x", "file with no instructions"),
        ("VOLUME \"\"", "VOLUME specified can not be an empty string"),
        (
            "ENV a=\"b",
            "failed to process \"\\\"b\": unexpected end of statement while looking for matching double-quote",
        ),
    ] {
        assert_eq!(refused(change), words, "{change}");
    }
    assert!(refused("HEALTHCHECK --interval=soon CMD x").contains("not \"soon\""));
}
