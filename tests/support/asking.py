"""What a reviewer answers, whether it has it at hand or not."""

import asyncio

from controller.webhook.review import Answered, Reviewer
from controller.wire.admission import parse_review
from tests.support.reviews import Document, encoded


async def ask(reviewer: Reviewer, document: Document, *, seconds: float = 5) -> Answered:
    """The answer to an AdmissionReview that came just now."""
    deadline = asyncio.get_running_loop().time() + seconds
    answered = reviewer.answer(parse_review(encoded(document)), deadline=deadline)
    return answered if isinstance(answered, Answered) else await answered
