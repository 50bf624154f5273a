"""What a template can do wrong, before it has data and with it.

Pure. `TemplateError` is about the text alone; the `RenderingError`s need data
to happen. The messages are read by those who wrote the template.
"""

from pillarbox.kit.errors import Invalid, Refusal

_LONGEST_NAME = 256  # of what we repeat; a name may be as long as a template


class TemplateError(Invalid):
    """The template cannot be read; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"{message} (line {line})")
        self.message = message
        self.line = line


class RenderingError(Refusal):
    """The template and this data do not make a text."""


class MissingAttribute(RenderingError):
    """The template prints a variable that the data does not have."""

    def __init__(self, name: str) -> None:
        name = name[:_LONGEST_NAME]
        # https://repost.aws/knowledge-center/ses-sendtemplatedemail-delivery-failure
        super().__init__(f"Attribute '{name}' is not present in the rendering data.")
        self.name = name


class MissingPartial(RenderingError):
    """The template calls an inline partial where none of that name is in scope."""

    def __init__(self, name: str) -> None:
        name = name[:_LONGEST_NAME]
        super().__init__(f"The partial {name} could not be found")
        self.name = name


class RenderingLimit(RenderingError):
    """Rendering would take more steps, depth or room than one message may have."""
