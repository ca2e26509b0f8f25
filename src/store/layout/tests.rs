use super::*;

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    let layout = Layout::new(folder.path().into());
    for error in [layout.exists().unwrap_err(), layout.create().unwrap_err()] {
        assert!(
            error
                .to_string()
                .ends_with("is not an image store: it holds other files"),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_store_that_a_power_cut_left_without_its_marker_is_made_again_unless_it_holds_a_blob() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().into());
    layout.create_unsynced().unwrap();
    fs::write(folder.path().join(UNSYNCED), "").unwrap();
    fs::write(layout.marker(), "").unwrap();
    assert!(!layout.exists().unwrap());
    layout.create().unwrap();
    assert!(layout.exists().unwrap());
    fs::write(layout.blob(&Digest::of(b"x")), "x").unwrap();
    fs::write(layout.marker(), "").unwrap();
    assert_eq!(layout.create().unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn a_layout_of_another_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().into());
    for (text, kind) in [
        (r#"{"imageLayoutVersion":"2.0.0"}"#, Kind::Unsupported),
        ("nonsense", Kind::Corrupt),
    ] {
        fs::write(layout.marker(), text).unwrap();
        let error = layout.create().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(matches!(error.clue(), Some(Clue::BrokenFile { .. })));
    }
}

#[test]
fn a_new_store_is_its_owner_s_alone_and_making_it_twice_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().join("a/b"));
    assert!(!layout.exists().unwrap());
    assert!(!folder.path().join("a").exists());
    layout.create().unwrap();
    layout.create().unwrap();
    assert!(layout.exists().unwrap());
    assert_eq!(fs::metadata(layout.root()).unwrap().permissions().mode() & 0o777, 0o700);
}
