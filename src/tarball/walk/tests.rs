use super::*;

/// A header of this type that claims this size, and so much data.
fn add(archive: &mut tar::Builder<Vec<u8>>, path: &str, sort: EntryType, claims: u64, data: usize) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(sort);
    header.set_size(claims);
    header.set_cksum();
    archive.append(&header, &vec![b'x'; data][..]).unwrap();
}

fn walked(archive: &[u8]) -> Result<Vec<(String, u64)>, Fault> {
    let mut walk = Walk::new(archive);
    let mut found = Vec::new();
    while let Some(entry) = walk.next_entry()? {
        found.push((String::from_utf8(entry.path).unwrap(), entry.size));
    }
    Ok(found)
}

#[test]
fn names_and_sizes_are_those_of_the_extended_headers() {
    let long = "a/".repeat(300) + "file";
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_pax_extensions([("path", long.as_bytes()), ("size", b"600")])
        .unwrap();
    add(&mut archive, "short", EntryType::Regular, 0, 600);
    add(&mut archive, "././@LongLink", EntryType::GNULongName, 7, 0);
    archive.get_mut().extend_from_slice(b"longer\0");
    archive.get_mut().extend_from_slice(&[0; 505]);
    add(&mut archive, "short", EntryType::Directory, 700, 0);
    add(&mut archive, "last", EntryType::Regular, 1, 1);
    let found = walked(&archive.into_inner().unwrap()).unwrap();
    let expected = [(long, 600), ("longer".to_owned(), 0), ("last".to_owned(), 1)];
    assert_eq!(found, expected);
}

#[test]
fn what_is_not_read_of_an_entry_is_passed_over() {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "a", EntryType::Regular, 1000, 1000);
    add(&mut archive, "b", EntryType::Regular, 3, 3);
    let archive = archive.into_inner().unwrap();
    let mut walk = Walk::new(&archive[..]);
    walk.next_entry().unwrap().unwrap();
    let mut some = [0; 10];
    walk.data().read_exact(&mut some).unwrap();
    assert_eq!(walk.next_entry().unwrap().unwrap().path, b"b");
    let mut all = String::new();
    walk.data().read_to_string(&mut all).unwrap();
    assert_eq!(all, "xxx");
    assert!(walk.next_entry().unwrap().is_none());
}

#[test]
fn no_header_makes_memory_or_the_walk_grow_without_end() {
    let refused = |make: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut archive = tar::Builder::new(Vec::new());
        make(&mut archive);
        match walked(&archive.into_inner().unwrap()) {
            Err(Fault::TooMuch(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    let long = |a: &mut tar::Builder<Vec<u8>>| add(a, "x", EntryType::XHeader, 2 << 20, 0);
    assert_eq!(refused(&long), "an extended header of more than 1 MiB");
    let many = |a: &mut tar::Builder<Vec<u8>>| (0..100).for_each(|_| add(a, "x", EntryType::XGlobalHeader, 0, 0));
    assert_eq!(refused(&many), "more than 64 extended headers before one entry");
    let holes = |a: &mut tar::Builder<Vec<u8>>| {
        add(a, "x", EntryType::GNUSparse, 0, 0);
        let bytes = a.get_mut();
        let start = bytes.len() - BLOCK;
        let mut header = Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(&bytes[start..]);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.isextended = [1];
        header.set_cksum();
        bytes[start..].copy_from_slice(header.as_bytes());
        let mut block = [0; BLOCK];
        block[SPARSE_FLAG] = 1;
        bytes.extend(block.repeat(MAX_SPARSE_BLOCKS + 1));
    };
    assert_eq!(refused(&holes), "a file with more holes than any has");
}

#[test]
fn what_is_cut_or_damaged_is_an_error() {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "a", EntryType::Regular, 2000, 2000);
    let whole = archive.into_inner().unwrap();
    for end in [100, 512, 1500] {
        assert!(matches!(walked(&whole[..end]), Err(Fault::Cut)), "{end}");
    }
    let mut damaged = whole.clone();
    damaged[0] = b'b';
    assert!(matches!(walked(&damaged), Err(Fault::Header)));
    let mut walk = Walk::new(&whole[..1500]);
    walk.next_entry().unwrap();
    assert!(walk.data().read_to_end(&mut Vec::new()).is_err());
    assert!(matches!(walk.failure(), Some(Fault::Cut)));
    for (first, begins) in [(&b""[..], false), (b"junk", false), (&[0; 512], true), (&whole, true)] {
        let mut walk = Walk::new(first);
        drop(walk.next_entry());
        assert_eq!(walk.has_begun(), begins);
    }
}
