"""Golden renderings of chat templates by transformers' own Jinja environment.

Run `python make_templates.py` in this folder; it needs transformers and jinja2. Each NAME.jinja here is rendered for every
conversation below, with and without the generation prompt; a template that raises is recorded as null.
smollm2.jinja, qwen2.5.jinja and tinyllama.jinja are as those models ship them (Apache-2.0); the `-style` ones are ours.
"""

import json
from pathlib import Path

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = Path(__file__).parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
# A fixed day: what `strftime_now` answers in the tests too (2026-11-05 14:03:09 UTC).
NOW = {"%d %b %Y": "05 Nov 2026"}


def turn(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = [
    [turn("user", "Hi there!")],
    [turn("system", "  You are terse.  "), turn("user", "What is 2 + 2?")],
    [turn("user", "One"), turn("assistant", "Two"), turn("user", " Three \n")],
    [turn("system", "S"), turn("user", "A"), turn("assistant", "<think>\nhm\n</think>\n\nB"), turn("user", "C"), turn("assistant", "D")],
    [turn("user", "{{ 7 * 7 }} {% raw %} <|im_end|> \u4f60\u597d \U0001F600 \"quoted\" 'single' \\n back\\slash\r\nCRLF")],
    [turn("user", ""), turn("assistant", ""), turn("user", "after nothing")],
    [turn("assistant", "I begin.")],
    [turn("user", "a"), turn("system", "late system"), turn("user", "b")],
    [turn("user", "q"), turn("assistant", "<think>x</think>y")],
]


def render(template, messages, add_generation_prompt):
    try:
        return template.render(
            messages=messages,
            add_generation_prompt=add_generation_prompt,
            strftime_now=lambda form: NOW[form],
            **TOKENS,
        )
    except jinja2.exceptions.TemplateError:
        return None


golden = {}
for path in sorted(HERE.glob("*.jinja")):
    template = _compile_jinja_template(path.read_text("utf-8"))
    golden[path.stem] = [
        {"open": render(template, messages, True), "closed": render(template, messages, False)} for messages in CONVERSATIONS
    ]
value = {"tokens": TOKENS, "conversations": CONVERSATIONS, "golden": golden}
(HERE / "golden.json").write_text(json.dumps(value, indent=1) + "\n", "utf-8")
