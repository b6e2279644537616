"""What a newcomer asks, and the heading of the guide that must come first."""

from __future__ import annotations

import pytest

from hugchat_sync.local.documents import Documents
from hugchat_sync.local.responder import Turn

QUESTIONS = {
    "How do I install it?": "Install hugchat-sync, and which Python it needs",
    "Which Python version do I need?": "Install hugchat-sync, and which Python it needs",
    "pip install": "Install hugchat-sync, and which Python it needs",
    "Does it run on Windows?": "Use it on Windows",
    "How can I try it without an account?": "Try it without an account",
    "How do I ask a question?": "Ask HuggingChat the first question",
    "Which environment variables are there?": "Environment variables",
    "Which cookies do I need?": "Which two cookies are needed",
    "How do I get the cookies from Chrome?": "Copy the cookies out of Chrome or Edge",
    "export cookies from firefox": "Copy the cookies out of Firefox",
    "How do I log in with cookies?": "Sign in (log in) with cookies",
    "sign in with cookies": "Sign in (log in) with cookies",
    "How long are cookies valid?": "How long the cookies live",
    "Can I use a HAR file?": 'Take the cookies from "Copy as cURL", a HAR file or an extension',
    "How do I log in with my email and password?": (
        "Sign in with e-mail and password in Python",
        "Sign in with e-mail and password in the terminal",
    ),
    "How do I use an access token?": "Use an access token",
    "Who am I logged in as?": "Check who I am signed in as",
    "How do I log out?": "Sign out: logout",
    "My sign-in fails because of a captcha": (
        "When the sign-in fails: captcha, second factor, session expired"
    ),
    "What about two factor authentication?": (
        "When the sign-in fails: captcha, second factor, session expired"
    ),
    "How do I set a system prompt?": "Set a system prompt",
    "How do I keep a system prompt for all chats?": "Keep a system prompt for all conversations",
    "Why does my conversation ignore the new system prompt?": (
        "Why a running conversation keeps its old system prompt"
    ),
    "And how do I stream an answer?": ("Stream an answer", "Stream an answer from Flask"),
    "streaming tokens": "Stream an answer",
    "How do I stop an answer?": "Stop or cancel an answer",
    "cancel a running answer": "Stop or cancel an answer",
    "What happens when the connection breaks?": (
        "When the connection breaks or is lost in the middle"
    ),
    "What events are there?": "Watch what happens: events",
    "How do futures work?": "Do not wait: wait=False",
    "asyncio": "Use it with asyncio",
    "How do I ask many prompts at once?": "Ask many prompts at once",
    "How many workers should I use?": "Know how many workers are enough",
    "How do I run a batch?": "Run a batch of prompts in the terminal",
    "resume an interrupted batch": "Go on after a batch was interrupted",
    "read prompts from a CSV": "Read prompts from a CSV file",
    "pandas": "Add answers to a pandas table",
    "slurm": "Run a batch as a SLURM job",
    "How do I run it from cron?": "Run a question every day with cron",
    "mail the answer": "Mail the answer",
    "What do the exit codes mean?": ("Exit codes", "Act on the exit code"),
    "How do I list my conversations?": "List my conversations",
    "How do I continue a conversation?": "Continue or resume a conversation later",
    "resume a chat": "Continue or resume a conversation later",
    "How do I delete a conversation?": "Delete or remove a conversation",
    "remove all conversations": "Delete or remove a conversation",
    "How do I rename a conversation?": "Rename a conversation",
    "How do I share a conversation?": "Share a conversation",
    "How can I export my conversations?": "Export conversations: save the history to disk",
    "Where is the history of a conversation?": "Read the history of a conversation",
    "How do I retry an answer?": "Edit a message, retry an answer",
    "What models are there?": "List the models",
    "How do I choose a model?": "Choose or change the model",
    "change the model": "Choose or change the model",
    "Can I set the temperature?": "Set temperature and other parameters",
    "How do I search the web?": "Web search: search the web for an answer",
    "web search": "Web search: search the web for an answer",
    "How do I upload a file?": "Attach or upload a file, send a picture",
    "attach an image": "Attach or upload a file, send a picture",
    "How do I use MCP tools?": "Use tools: MCP servers",
    "download a file the model made": "Download a file that a model made",
    "transcribe speech": "Turn speech into text",
    "What does RateLimited mean?": "Rate limit: too many messages",
    "I get error 429": "Rate limit: too many messages",
    "How do I set a timeout?": "Set a timeout: how long to wait",
    "Which errors can be raised?": ("Which errors there are to act on", "Catch errors"),
    "Does it retry?": "Retry: what is tried again by itself",
    "Is it thread safe?": "Use one client in many threads: is it thread-safe?",
    "How do I use it with Flask?": "Stream an answer from Flask",
    "streamlit app": "Use it in Streamlit",
    "gunicorn": "Behind gunicorn or nginx",
    "How do I use a proxy?": "Use a proxy",
    "certificate verify failed": "When the certificate is not trusted",
    "Can I use it with Ollama?": "Use a language model on my own machine: Ollama, llama.cpp, vLLM",
    "How do I start the local server?": "Start the embedded server",
    "answer from my own documents": "Answer from my own documents",
    "How do I mock the server in tests?": ("Test my own code without a network: mock the server"),
    "keep conversations in a database": "Keep conversations in a database",
    "I come from hugchat, what do I change?": "Run a script of hugchat",
    "hugchat_api script": "Run a script of hugchat_api",
    "langchain": "Use an answer as a LangChain model",
    "Which servers are supported?": "Which servers are supported",
    "How do I chat in the terminal?": "Chat interactively",
    "pipe text into the command line": "Ask from the command line, pipe text in",
    "colours in the terminal": "Get colours and line editing",
}


def first_heading(documents: Documents, prompt: str) -> str:
    turn = Turn(prompt, (), "", "omni", "http://host/chat")
    text = "".join(getattr(step, "token", "") for step in documents.answer(turn))
    return next((line[4:] for line in text.splitlines() if line.startswith("### ")), text)


@pytest.fixture(scope="module")
def guide():
    return Documents()


def test_the_right_passage_comes_first(guide):
    wrong = {}
    for question, wanted in QUESTIONS.items():
        found = first_heading(guide, question)
        if found not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            wrong[question] = found

    assert len(QUESTIONS) >= 60
    assert len(wrong) <= 0.05 * len(QUESTIONS), wrong
