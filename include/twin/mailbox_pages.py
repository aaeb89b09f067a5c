"""The mailbox's pages: Jinja templates that fetch and run nothing."""

_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}Mailbox{% endblock %}</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
  a { color: inherit; text-underline-offset: .2em; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; overflow-wrap: anywhere; }
  tr { border-bottom: 1px solid #8884; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
  dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
  iframe { width: 100%; height: 75vh; border: 1px solid #8886; border-radius: 4px;
           background: #fff; resize: vertical; overflow: auto; color-scheme: light; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<main>{% block main %}{% endblock %}</main>
</html>
"""

_LIST = """{% extends "frame" %}
{% block main %}
<h1>Mailbox</h1>
{% if mails %}
<table>
  <thead><tr><th>Subject<th>To<th>Date</thead>
  {% for name, heading in mails %}
  <tr><td><a href="/mail/{{ name }}">{{ heading.subject or "(no subject)" }}</a>
      <td>{{ heading.recipients }}<td>{{ heading.date }}
  {% endfor %}
</table>
{% if hidden %}<p>{{ hidden }} older mails are in the folder but not shown.</p>{% endif %}
{% else %}
<p>No mail yet.</p>
{% endif %}
{% endblock %}
"""

_MAIL = """{% extends "frame" %}
{% block title %}{{ mail.heading.subject or "(no subject)" }}{% endblock %}
{% block main %}
<p><a href="/">Mailbox</a></p>
<h1>{{ mail.heading.subject or "(no subject)" }}</h1>
<dl>
  <dt>From<dd>{{ mail.heading.sender }}
  <dt>To<dd>{{ mail.heading.recipients }}
  <dt>Date<dd>{{ mail.heading.date }}
  {% for attachment in mail.attachments %}
  <dt>Attached<dd><a href="/mail/{{ name }}/{{ loop.index0 }}">{{ attachment.name }}</a>
    ({{ attachment.content | length | filesizeformat }})
  {% endfor %}
</dl>
{% if mail.html %}
<iframe sandbox srcdoc="{{ mail.html }}" title="The mail as its sender laid it out"></iframe>
{% if mail.text %}<details><summary>As text</summary><pre>{{ mail.text }}</pre></details>{% endif %}
{% else %}
<pre>{{ mail.text }}</pre>
{% endif %}
{% endblock %}
"""

PAGES = {"frame": _FRAME, "list": _LIST, "mail": _MAIL}
