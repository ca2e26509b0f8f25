//! `import`: a root file system becomes an image that docker takes for one of its own.

use std::fs;

use crate::support::archive_maker::{ArchiveMaker, state_of};
use crate::support::layer::{Layer, Packing};
use crate::support::process::Run;

#[test]
fn import_refuses_what_is_no_root_file_system_and_leaves_the_store_as_it_was() {
    let maker = ArchiveMaker::new();
    let sandbox = &maker.sandbox;
    let good = maker.path("good.tar");
    let crate::support::layer::Bytes::Memory(tar) = Layer::files(3, 3000).pack(Packing::Plain).bytes else {
        unreachable!()
    };
    fs::write(&good, &tar).unwrap();
    let good = good.to_str().unwrap();
    sandbox.rdock(&["import", good, "first:1"]).ok();
    let before = state_of(&sandbox.store());
    let says = |run: Run, words: &str| {
        let run = run.fails(1);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.lines().next()),
            ("", Some(words)),
            "{run}"
        );
        assert_eq!(state_of(&sandbox.store()), before);
    };
    says(
        sandbox.rdock(&["import", "nosuch.tar"]),
        "open nosuch.tar: no such file or directory",
    );
    let lower = "invalid reference format: repository name (library/Bad) must be lowercase";
    says(sandbox.rdock(&["import", good, "Bad"]), lower);
    let by_digest = format!("x@sha256:{}", "0".repeat(64));
    says(
        sandbox.rdock(&["import", good, &by_digest]),
        "cannot import digest reference",
    );
    says(
        sandbox.rdock(&["import", "-c", "RUN x", good]),
        "run is not a valid change command",
    );
    let junk = "importing the root file system: it is no tar archive";
    for bytes in ["junk\n", "", &"x".repeat(3000)] {
        says(sandbox.rdock_stdin(&["import", "-"], bytes), junk);
    }
    let cut = "importing the root file system: the tar archive is damaged: it ends too early";
    says(sandbox.rdock_stdin(&["import", "-"], &tar[..4000]), cut);
    let packed = sandbox.run("gzip", &["-c", good]).ok().bytes;
    let run = sandbox.rdock_stdin(&["import", "-"], &packed[..packed.len() / 2]);
    says(run, "Error processing tar file(exit status 1): unexpected EOF");
    let url = "rdock does not download what it imports: curl -fL https://x/y | rdock import -";
    says(sandbox.rdock(&["import", "https://x/y"]), url);
}
