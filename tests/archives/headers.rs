//! Headers that readers of tar would disagree about, and archives that are not what they are packed as.

#![expect(clippy::too_many_lines, reason = "tables of scenarios")]

use crate::stand::Case;
use crate::tar_bytes::{Tar, header};
use crate::tree::{PACKINGS, Packing};

fn sized(size: u64) -> Tar {
    Tar::new().raw(header(b'0', b"a", b"", size, 0o644).as_bytes())
}

/// A header with its sum made right after `change`.
fn changed(change: impl FnOnce(&mut tar::Header)) -> Tar {
    let mut header = header(b'0', b"a", b"", 0, 0o644);
    change(&mut header);
    header.set_cksum();
    Tar::new().raw(header.as_bytes())
}

pub fn hostile() -> Vec<Case> {
    let mut all = sizes();
    all.extend(extended());
    all.extend(ends());
    all
}

fn sizes() -> Vec<Case> {
    let t = Tar::new;
    let body = |kind| t().member(kind, "a", "b", b"body").end();
    let nested = t().file("hidden", "smuggled").0;
    let octal = |size: &[u8]| {
        let bytes = changed(|header| header.as_old_mut().size[..size.len()].copy_from_slice(size));
        bytes.end()
    };
    let mut broken = header(b'0', b"a", b"", 0, 0o644);
    broken.as_mut_bytes()[3] = b'b';
    vec![
        // CVE-2025-62518: the header says 0 and PAX says more, or the other way round, and the next header is in between.
        Case::new(
            "TARmageddon, PAX is shorter",
            t().x("size", b"512")
                .raw(header(b'0', b"a", b"", 1024, 0o644).as_bytes())
                .data(&nested)
                .end(),
            &["its header says 1024 bytes, its extended header 512"],
        ),
        Case::new(
            "TARmageddon, PAX is longer",
            t().x("size", b"1024")
                .raw(header(b'0', b"a", b"", 512, 0o644).as_bytes())
                .data(&nested)
                .end(),
            &["its header says 512 bytes, its extended header 1024"],
        ),
        Case::new(
            "TARmageddon, PAX says nothing",
            t().x("size", b"0").file("a", "xyz").end(),
            &["its header says 3"],
        ),
        Case::new(
            "two PAX sizes",
            t().pax(b'x', &[("size", b"1"), ("size", b"2")])
                .file("a", "x")
                .end(),
            &["twice"],
        ),
        Case::new(
            "PAX size is no number",
            t().x("size", b"1k").file("a", "x").end(),
            &["a number is none"],
        ),
        Case::new(
            "negative PAX size",
            t().x("size", b"-1").file("a", "x").end(),
            &["a number is none"],
        ),
        Case::new(
            "negative size",
            octal(&[0xff; 12]),
            &["its size is no number"],
        ),
        Case::new(
            "size of letters",
            octal(b"zzzzzzzzzzz\0"),
            &["its size is no number"],
        ),
        Case::new(
            "size beyond 64 bits",
            octal(&[0xbf; 12]),
            &["its size is no number"],
        ),
        Case::new(
            "size beyond JSON",
            octal(b"\x80\0\0\0\0\x20\0\0\0\0\0\0"),
            &["larger than 2^53-1"],
        ),
        Case::new(
            "checksum",
            t().file("ok", "").raw(broken.as_bytes()).end(),
            &["its checksum is wrong"],
        ),
        Case::new(
            "hard link with a body",
            body(b'1'),
            &["a hard link with 4 bytes of content"],
        ),
        Case::new(
            "symlink with a body",
            body(b'2'),
            &["a symlink with 4 bytes of content"],
        ),
        Case::new(
            "device with a body",
            body(b'3'),
            &["a character device with 4 bytes of content"],
        ),
        Case::new(
            "folder with a body",
            body(b'5'),
            &["a folder with 4 bytes of content"],
        ),
        Case::new(
            "fifo with a body",
            body(b'6'),
            &["a fifo with 4 bytes of content"],
        ),
        Case::new(
            "another volume",
            t().member(b'M', "a", "", b"").end(),
            &["unknown type `M`"],
        ),
        Case::new(
            "unknown type",
            t().member(b'Z', "a", "", b"").end(),
            &["unknown type `Z`"],
        ),
        Case::new(
            "an escape as a type",
            t().member(0x1b, "a", "", b"").end(),
            &["unknown type"],
        ),
        Case::new(
            "mode of letters",
            changed(|h| h.as_old_mut().mode = *b"rwxr-xr-").end(),
            &["its mode is no number"],
        ),
    ]
}

fn extended() -> Vec<Case> {
    let t = Tar::new;
    let endless = |kind| {
        t().raw(header(kind, b"p", b"", 1 << 40, 0).as_bytes())
            .end()
    };
    let same = &["cannot be the same for all members"][..];
    vec![
        Case::new(
            "malformed PAX",
            t().member(b'x', "p", "", b"path=a").file("a", "").end(),
            &["is malformed"],
        ),
        Case::new(
            "PAX length lies",
            t().member(b'x', "p", "", b"99 path=a\n")
                .file("a", "")
                .end(),
            &["is malformed"],
        ),
        Case::new("endless PAX", endless(b'x'), &["too large"]),
        Case::new("endless global PAX", endless(b'g'), &["too large"]),
        Case::new("endless long name", endless(b'L'), &["too large"]),
        Case::new("endless long link", endless(b'K'), &["too large"]),
        Case::new(
            "two PAX headers",
            t().x("path", b"a").x("path", b"b").file("c", "").end(),
            &["two of the same"],
        ),
        Case::new(
            "two long names",
            t().long(b'L', b"a").long(b'L', b"b").file("c", "").end(),
            &["two of the same"],
        ),
        Case::new(
            "PAX and GNU name",
            t().x("path", b"a").long(b'L', b"b").file("c", "").end(),
            &["both PAX and GNU"],
        ),
        Case::new(
            "PAX and GNU target",
            t().x("linkpath", b"a")
                .long(b'K', b"b")
                .symlink("c", "d")
                .end(),
            &["both PAX and GNU"],
        ),
        Case::new(
            "two PAX names",
            t().pax(b'x', &[("path", b"a"), ("path", b"b")])
                .file("c", "")
                .end(),
            &["twice"],
        ),
        Case::new(
            "global name",
            t().pax(b'g', &[("path", b"a")]).file("c", "").end(),
            same,
        ),
        Case::new(
            "global target",
            t().pax(b'g', &[("linkpath", b"a")]).symlink("c", "d").end(),
            same,
        ),
        Case::new(
            "global size",
            t().pax(b'g', &[("size", b"9")]).file("c", "").end(),
            same,
        ),
        Case::new(
            "dangling PAX",
            t().x("path", b"a").end(),
            &["no member follows it"],
        ),
        Case::new(
            "dangling long name",
            t().long(b'L', b"a").end(),
            &["no member follows it"],
        ),
        Case::new(
            "volume of a set",
            t().x("GNU.volume.offset", b"1").file("a", "").end(),
            &["another volume"],
        ),
    ]
}

fn ends() -> Vec<Case> {
    let t = || Tar::new().file("a", "x");
    let after = &["goes on after its end mark"][..];
    let half = header(b'0', b"b", b"", 0, 0);
    vec![
        Case::new(
            "cut in a header",
            t().raw(&half.as_bytes()[..300]).0,
            &["cut off in or after entry 2"],
        ),
        Case::new(
            "cut in content",
            sized(5000).raw(&[1; 4000]).0,
            &["cut off in or after entry 1"],
        ),
        Case::new(
            "cut in padding",
            sized(5).raw(&[1; 100]).0,
            &["cut off in or after entry 1"],
        ),
        Case::new(
            "cut in PAX",
            Tar::new().x("path", b"abc").0[..600].to_vec(),
            &["cut off"],
        ),
        Case::new("no end mark", t().0, &["cut off"]),
        Case::new(
            "garbage after the end",
            t().raw(&[0; 1024]).raw(b"x").0,
            after,
        ),
        Case::new(
            "a member after the end",
            t().raw(&[0; 1024]).file("b", "").end(),
            after,
        ),
        Case::new(
            "a member after one block",
            t().raw(&[0; 512]).file("b", "").end(),
            after,
        ),
        Case::new("two archives", [t().end(), t().end()].concat(), after),
    ]
}

pub fn packed() -> Vec<Case> {
    // Noise, so that half of the compressed bytes is half of the archive.
    let mut noise = vec![0; 60_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let tar = Tar::new().member(b'0', "noise", "", &noise).end();
    let bad = &["data (damaged, cut off or followed by something else)"][..];
    let named = |packing| match packing {
        Packing::Plain => ["plain, cut", "plain, garbage", "plain, damaged"],
        Packing::Gzip => ["gzip, cut", "gzip, garbage", "gzip, damaged"],
        Packing::Zstd => ["zstd, cut", "zstd, garbage", "zstd, damaged"],
        Packing::Xz => ["xz, cut", "xz, garbage", "xz, damaged"],
        Packing::Bzip2 => ["bzip2, cut", "bzip2, garbage", "bzip2, damaged"],
    };
    let mut all = vec![
        Case::new(
            "no archive at all",
            b"<!DOCTYPE html>".repeat(50),
            &["not a tar archive", "<!DOCTYPE html>"],
        ),
        Case::new("nothing at all", Vec::new(), &["not a tar archive"]),
        Case::new(
            "packed twice",
            Packing::Gzip.pack(&Packing::Gzip.pack(&tar)),
            &["not a tar archive", "gzip data"],
        ),
        Case::new(
            "a packed letter",
            Packing::Zstd.pack(b"dear sir"),
            &["not a tar archive", "zstd data"],
        ),
    ];
    for packing in PACKINGS {
        let [cut, garbage, damaged] = named(packing);
        let whole = packing.pack(&tar);
        let is_plain = matches!(packing, Packing::Plain);
        let half = whole[..whole.len() / 2].to_vec();
        all.push(Case::new(
            cut,
            half,
            if is_plain { &["cut off"] } else { bad },
        ));
        let more = [&whole[..], b"garbage"].concat();
        let after = &["goes on after its end mark"][..];
        all.push(Case::new(garbage, more, if is_plain { after } else { bad }));
        // Without a check sum of its own, other bytes are other bytes: the digest in the lock tells.
        if !is_plain && !matches!(packing, Packing::Zstd) {
            let mut flipped = whole.clone();
            let middle = flipped.len() / 2;
            flipped[middle] ^= 0x10;
            flipped[middle + 1] ^= 0x5a;
            all.push(Case::new(
                damaged,
                flipped,
                &["cannot unpack archive it.tar"],
            ));
        }
    }
    all
}
