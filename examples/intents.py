"""The sentences of `intents_over_time.py`, filled from templates."""

import itertools
import re

import numpy as np

TEMPLATES = {
    "balance": (
        "how much money is in my {account} account",
        "show me the balance of my {account} account",
        "what is left on my {account} account {when}",
        "tell me how much I have in {account}",
        "check the {account} account balance please",
        "balance {account}",
        "please show how much is on the {account} account",
        "what is my {account} balance {when}",
    ),
    "transfer": (
        "send {amount} to {person}",
        "transfer {amount} from {account} to {person}",
        "I want to pay {person} {amount} {when}",
        "wire {amount} to {person} please",
        "please make a payment of {amount} to {person}",
        "move {amount} to {person}",
        "can you send {person} {amount} {when}",
        "transfer {amount} to {person} {when}",
    ),
    "lost card": (
        "I lost my {account} card",
        "my card was stolen in {city}",
        "please block my {account} card",
        "someone took my card {when}",
        "I cannot find my {account} card",
        "block the card it is lost",
        "my {account} card is lost please block it",
        "I think my card was stolen {when}",
    ),
    "weather": (
        "what is the weather in {city} {when}",
        "will it rain in {city} {when}",
        "how warm is it in {city}",
        "do I need an umbrella {when}",
        "weather forecast for {city}",
        "is it going to be sunny in {city} {when}",
        "will it be warm or will it rain {when}",
        "forecast for {city} {when}",
    ),
    "flight": (
        "book a flight to {city} {when}",
        "I need a plane ticket to {city}",
        "find flights from {city} for {person}",
        "fly me to {city} {when}",
        "cheapest ticket to {city} please",
        "reserve a seat on the plane to {city}",
        "I need a flight to {city} {when}",
        "please book a ticket for the plane to {city}",
    ),
    "music": (
        "play some songs for {person}",
        "put on my favourite music {when}",
        "I want to hear {person} sing",
        "play the next song",
        "turn the music up please",
        "play a song by {person}",
        "please play my favourite song",
        "I want to hear some music {when}",
    ),
    "alarm": (
        "wake me up {when}",
        "set an alarm for {when}",
        "I have to get up early {when}",
        "please set the alarm clock",
        "alarm {when} please",
        "remind me to get up {when}",
        "set my alarm clock {when}",
        "please wake me early {when}",
    ),
    "food": (
        "order a pizza for {person}",
        "I am hungry get me something to eat",
        "deliver dinner to {city} {when}",
        "what restaurants are open {when}",
        "get me a table at a restaurant in {city}",
        "order lunch for {person} {when}",
        "please order dinner {when}",
        "deliver a pizza to {person} {when}",
    ),
}
WORDS = {
    "account": ("savings", "checking", "business", "joint"),
    "amount": ("ten euros", "fifty dollars", "two hundred pounds", "a coin"),
    "person": ("Ada", "my brother", "Grace", "the landlord", "Alan"),
    "city": ("Paris", "Cairo", "Lima", "Oslo", "Kyoto"),
    "when": ("tomorrow", "today", "on Monday", "at seven", "this week"),
}
TEST_TEMPLATES = 2
PER_TEMPLATE = 10


def filled(template, count, generator):
    slots = re.findall(r"{(\w+)}", template)
    ways = list(itertools.product(*(WORDS[slot] for slot in slots)))
    for row in generator.permutation(len(ways))[:count]:
        yield template.format(**dict(zip(slots, ways[row], strict=True)))


def sentences(intents, test=False, count=PER_TEMPLATE, seed=0):
    """Sentences and the names of their intents."""
    generator = np.random.default_rng(seed)
    rows = slice(-TEST_TEMPLATES, None) if test else slice(-TEST_TEMPLATES)
    pairs = [
        (sentence, intent)
        for intent in intents
        for template in TEMPLATES[intent][rows]
        for sentence in filled(template, count, generator)
    ]
    texts, names = zip(*pairs, strict=True)
    return list(texts), np.array(names)
