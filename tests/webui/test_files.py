"""Files that go along with a question."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from runtime.engine.core import GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.driving import ROLES, UI, answered, ask, opened

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def test_text_and_pdf_go_along_with_a_question(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "leaf.py").write_text("print('leaf')\n")
    (tmp_path / "roots.pdf").write_bytes(pdf("Roots drink water.", "Second page."))
    prompts: list[str] = []

    def answer(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return "read"

    behaviour = FakeBehaviour(answer=answer, chat_template=ROLES)
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        page.set_input_files("#files", [tmp_path / "leaf.py", tmp_path / "roots.pdf"])
        expect(page.locator(".files .file")).to_have_count(2)
        ask(page, "What is this?")
        answered(page)
        expect(page.locator(".bubble .file")).to_have_text(["leaf.py", "roots.pdf"])
        expect(page.locator(".files .file")).to_have_count(0)
    (prompt,) = prompts
    assert "leaf.py:\n```\nprint('leaf')\n```\n\n" in prompt
    assert "roots.pdf:\n```\nRoots drink water." in prompt
    assert "Second page." in prompt
    assert prompt.endswith("What is this?;")


def test_what_the_model_cannot_take_is_refused_by_name(browser: Browser, tmp_path: Path) -> None:
    files = {
        "leaf.png": (PNG, "cannot see pictures: leaf.png"),
        "song.mp3": (b"ID3", "cannot hear: song.mp3"),
        "data.bin": (bytes(range(256)), "data.bin is neither text nor PDF"),
        "scan.pdf": (pdf(""), "scan.pdf has no text"),
        "broken.pdf": (b"%PDF-1.4 nothing more", "broken.pdf has no text"),
    }
    with running(FakeBehaviour(), ui=UI) as server, opened(browser, server.url) as page:
        for name, (content, words) in files.items():
            (tmp_path / name).write_bytes(content)
            page.set_input_files("#files", tmp_path / name)
            expect(page.locator("#notice")).to_contain_text(words)
        expect(page.locator(".files .file")).to_have_count(0)


def test_a_file_can_be_dropped_and_taken_away_again(browser: Browser) -> None:
    with running(FakeBehaviour(), ui=UI) as server, opened(browser, server.url) as page:
        expect(page.locator("#prompt")).to_be_visible()
        held = page.evaluate_handle(
            "() => { const held = new DataTransfer(); held.items.add(new File(['leaves'], 'note.txt')); return held }"
        )
        page.dispatch_event("main", "dragover", {"dataTransfer": held})
        expect(page.locator("#composer")).to_contain_text("Drop files here")
        page.dispatch_event("main", "drop", {"dataTransfer": held})
        expect(page.locator(".files .file")).to_contain_text("note.txt")
        page.get_by_role("button", name="Remove note.txt").click()
        expect(page.locator(".files .file")).to_have_count(0)
