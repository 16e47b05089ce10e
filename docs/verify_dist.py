# fmt: off
"""Check a Pannier dist with nothing but Python. usage: python verify_dist.py DIST KEY.pub [SIGNATURE]

Keep this file and the key where whoever changes the dist cannot change them. It checks that the key's owner signed the
manifest (Ed25519, RFC 8032), and that every byte of the dist, and of the model's files beside it, is what the manifest
implies (docs/format.md). Exit code 0: all is well; else it says what is not.
"""
import base64, hashlib, json, sys, zipfile, zlib
from pathlib import Path
from struct import pack

P, ORDER, BIG = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, 2**32 - 1
D = -121665 * pow(121666, -1, P) % P
def point(raw):
    y, odd = int.from_bytes(raw, "little") & (1 << 255) - 1, raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and odd):
        sys.exit("FAILED: the key is no point of the curve")
    return (x := x if x % 2 == odd else P - x), y, 1, x * y % P
def add(one, two):
    a, b = (one[1] - one[0]) * (two[1] - two[0]), (one[1] + one[0]) * (two[1] + two[0])
    c, d = 2 * one[3] * two[3] * D, 2 * one[2] * two[2]
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P
def times(number, base):
    half = times(number // 2, add(base, base)) if number else (0, 1, 1, 0)
    return add(half, base) if number % 2 else half
def signed(key, message, signature):
    (x, y, z, t), base = point(key), point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    x, y, z, _ = add(times(s, base), times(h, (P - x, y, z, P - t)))  # must be the point the signature begins with
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return len(signature) == 64 and s < ORDER and (y | x % 2 << 255).to_bytes(32, "little") == signature[:32]
def header(name, size, crc, offset=None, gap=0):  # of a member: local, or with an offset its central record
    extra = (pack("<QQ", size, size) if size >= BIG else b"") + (pack("<Q", offset) if (offset or 0) >= BIG else b"")
    version, extra = (45, pack("<HH", 1, len(extra)) + extra) if extra else (20, b"")
    extra += pack("<HHH", 0xD935, gap - 4, 0x8000) + bytes(gap - 6) if gap else b""
    start = b"PK\3\4" if offset is None else b"PK\1\2" + pack("<H", 3 << 8 | version)
    end = b"" if offset is None else pack("<HHHII", 0, 0, 0, 0o100644 << 16, min(offset, BIG))
    middle = pack("<HHHHHIIIHH", version, 0, 0, 0, 33, crc, min(size, BIG), min(size, BIG), len(name), len(extra))
    return start + middle + end + name.encode() + extra
def room(at, alignment):  # what an extra field must fill: nothing, or at least its own six bytes
    return next(gap for gap in range(-at % alignment, 9 * alignment + 9, alignment) if not 0 < gap < 6)
def need(what, file, size, sha256="", literal=b"", last=False):
    digest, left, sha256 = hashlib.sha256(), size or len(literal), sha256 or hashlib.sha256(literal).hexdigest()
    while left and (data := file.read(min(left, 1 << 22))):
        digest.update(data)
        left -= len(data)
    if left or digest.hexdigest() != sha256 or (last and file.read(1)):  # last: nothing may follow
        sys.exit(f"FAILED: {what} is not what the manifest says")

path, der = Path(sys.argv[1]), base64.b64decode(Path(sys.argv[2]).read_text().split("-----")[2])
with zipfile.ZipFile(path) as archive:  # only to find these two; whether they stand where they must is checked below
    raw, inside = archive.read("manifest.json"), "manifest.json.sig" in archive.namelist()
    signature = archive.read("manifest.json.sig") if inside else b""
if len(der) != 44 or not signed(der[12:], raw, Path(sys.argv[3]).read_bytes() if sys.argv[3:] else signature):
    sys.exit("FAILED: this key did not sign this manifest")
manifest, sha256, records, pads = json.loads(raw), hashlib.sha256(raw).hexdigest(), [], 0
members = [("manifest.json", len(raw), zlib.crc32(raw), 1, sha256)]
members += [(e["name"], e["size"], int(e["crc32"], 16), e["alignment"], e["sha256"]) for e in manifest["entries"]]
members += [("manifest.json.sig", 64, zlib.crc32(signature), 1, hashlib.sha256(signature).hexdigest())] * inside
with path.open("rb") as file:
    need("the stub", file, manifest["stub"]["size"], manifest["stub"]["sha256"])
    for name, size, crc, alignment, digest in members:
        at, wide = file.tell(), 20 if size >= BIG else 0
        gap = room(at + 30 + len(name) + wide, alignment)
        if gap + wide > 65535:
            pad, zeros = f".pad/{pads}", bytes(gap - 35 - len(str(pads)))
            need(pad, file, 0, literal=header(pad, len(zeros), zlib.crc32(zeros)) + zeros)
            records, pads, gap = [*records, header(pad, len(zeros), zlib.crc32(zeros), at)], pads + 1, 0
        records.append(header(name, size, crc, file.tell()))
        need(f"the header of {name}", file, 0, literal=header(name, size, crc, None, gap))
        need(name, file, size, digest)
    if name := (manifest.get("code_signature") or "").encode():  # a Mac's: hashes of all pages before it, see format.md
        at, text = file.tell(), file.seek(0) or file.read(4096).partition(b"__TEXT".ljust(16, b"\0"))[2][24:32]
        gap, limit = room(at + 44, 16), file.seek(0) or at + 44 + room(at + 44, 16)
        table = hashlib.sha256(pack(">3I", 0xFADE0C01, 12, 0)).digest() + bytes(32)
        table += b"".join(hashlib.sha256(file.read(min(4096, limit - i))).digest() for i in range(0, limit, 4096))
        numbers = (89 + len(name) + len(table), 0x20400, 2, 153 + len(name), 88, 2, len(table) // 32 - 2, limit)
        code = pack(">9I4B4I4Q", 0xFADE0C02, *numbers, 32, 2, 0, 12, *[0] * 6, int.from_bytes(text, "little"), 1)
        code += name + b"\0" + table
        blob = pack(">9I", 0xFADE0CC0, 56 + len(code), 3, 0, 36, 2, 36 + len(code), 0x10000, 48 + len(code)) + code
        blob += pack(">5I", 0xFADE0C01, 12, 0, 0xFADE0B01, 8) + bytes(-(len(blob) + 20) % 16 + 12)
        blob += (zlib.crc32(blob) ^ 0x6DD90A9D).to_bytes(4, "little")
        file.seek(at)
        records.append(header("code.signature", len(blob), 0, at))
        need("the code signature", file, 0, literal=header("code.signature", len(blob), 0, None, gap) + blob)
    at, count, size, end = file.tell(), len(records), sum(map(len, records)), b"".join(records)
    wide = b"PK\6\6" + pack("<QHHIIQQQQ", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, at)
    end += wide + b"PK\6\7" + pack("<IQI", 0, at + size, 1) if at >= BIG else b""
    comment = f"pannier-dist manifest sha256 {sha256}".encode()
    end += b"PK\5\6" + pack("<HHHHIIH", 0, 0, count, count, size, min(at, BIG), len(comment)) + comment
    need("the directory at the end", file, 0, literal=end, last=True)
for part in manifest["model"].get("splits") or filter(None, [manifest["model"]["sidecar"]]):
    with path.with_name(Path(part["file"]).name).open("rb") as file:
        need(part["file"], file, part["size"], part["sha256"], last=True)
print("sound, and signed by this key: manifest sha256", sha256)
