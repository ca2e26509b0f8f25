//! Advice for commands that run or build something: who does that, and what rdock has in its place.

const NO_BUILDERS: &str =
    "rdock moves images between registries, archives and its store; it has no cluster, no plugins and no builders";

/// One line for the command as it was typed, its own words first: `run`, `-p`, `5000:5000`, `registry:2`.
pub(super) fn hint(words: &[String], program: &str) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["buildx", command, ..] = words.as_slice()
        && !matches!(*command, "build" | "bake")
    {
        return NO_BUILDERS.to_owned();
    }
    let (command, rest) = match words.as_slice() {
        ["container" | "image" | "builder" | "buildx", command, rest @ ..] | [command, rest @ ..] => (*command, rest),
        [] => ("", &[][..]),
    };
    match command {
        "run" | "create" | "start" if rest.iter().any(|word| is_registry(word)) => {
            format!("for a registry of your own: {program} serve")
        }
        "build" | "bake" | "commit" => format!(
            "build with buildah, and hand the image over: buildah push NAME docker-archive:FILE:NAME, then {program} \
             load -i FILE"
        ),
        "compose" | "stack" => match rest.iter().find(|word| !word.starts_with('-')) {
            Some(&verb @ ("pull" | "push")) => {
                format!("{verb} each image that the compose file names: {program} {verb} NAME")
            }
            _ if rest.contains(&"pull") => format!("pull each image that the compose file names: {program} pull NAME"),
            _ if rest.contains(&"push") => format!("push each image that the compose file names: {program} push NAME"),
            _ => "services are run by podman-compose: podman compose".to_owned(),
        },
        "trust" => "rdock verifies digests, not signatures: sign and verify with cosign".to_owned(),
        "events" => format!("what {program} serve is asked is in its own log"),
        "swarm" | "node" | "service" | "secret" | "config" | "plugin" | "scout" | "init" => NO_BUILDERS.to_owned(),
        "exec" | "run" | "create" => format!("containers are run by podman, with the same arguments: podman {command}"),
        _ => "containers, volumes and networks are podman's, with the same arguments: podman".to_owned(),
    }
}

/// Whether a word is docker's registry as an image: `registry`, `registry:2`, `docker.io/library/registry@sha256:…`.
fn is_registry(word: &str) -> bool {
    let name = word.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    let repository = last.split(':').next().unwrap_or_default();
    let before = &name[..name.len() - last.len()];
    repository == "registry"
        && matches!(
            before,
            "" | "library/" | "docker.io/" | "docker.io/library/" | "distribution/"
        )
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn each_engine_command_names_its_way_out() {
        for (line, part) in [
            ("run -d -p 5000:5000 --name registry registry:2", "rdock serve"),
            ("run docker.io/library/registry:2.8", "rdock serve"),
            ("container run registry@sha256:00", "rdock serve"),
            ("run --rm example.com/registry", "podman run"),
            ("run -it ubuntu", "podman run"),
            ("exec -it web sh", "podman exec"),
            ("container exec web sh", "podman exec"),
            ("build -t x .", "rdock load"),
            ("buildx build --push .", "rdock load"),
            ("image build .", "rdock load"),
            ("compose pull", "rdock pull NAME"),
            ("compose -f prod.yaml push", "rdock push NAME"),
            ("compose up -d", "podman compose"),
            ("logs web", "podman"),
            ("buildx create --use", "no builders"),
            ("buildx inspect", "no builders"),
            ("scout cves web", "no plugins"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let hint = hint(&words, "rdock");
            assert!(hint.contains(part), "{line}: {hint}");
        }
        assert!(!hint(&[], "rdock").is_empty());
    }
}
