/* SPDX-License-Identifier: Apache-2.0 */
/* From characters to tokens. Never fails: what it does not know is a token of its own. */
#include "topology/parts.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '+' || c == '.' || c == ':' || c == '/';
}

static bool is_arrow(const struct lex *lex, uint32_t at)
{
	return at + 1 < lex->end && lex->text[at] == '-' && lex->text[at + 1] == '>';
}

static struct token lex_text(struct lex *lex)
{
	struct token tok = { TOKEN_TEXT, lex->at++, 0 };

	while (lex->at < lex->end && lex->text[lex->at] != '"' && lex->text[lex->at] != '\n')
		lex->at++;
	if (lex->at < lex->end && lex->text[lex->at] == '"')
		lex->at++;
	else
		tok.kind = TOKEN_BAD_TEXT;
	tok.bytes = lex->at - tok.at;
	return tok;
}

static struct token lex_comment(struct lex *lex)
{
	struct token tok = { TOKEN_COMMENT, lex->at, 0 };

	while (lex->at < lex->end && lex->text[lex->at] != '\n')
		lex->at++;
	tok.bytes = lex->at - tok.at;
	return tok;
}

struct token lex_next_all(struct lex *lex)
{
	static const char single[] = "\n,={}[]";
	static const uint32_t kinds[] = { TOKEN_NEWLINE,   TOKEN_COMMA, TOKEN_EQUALS,
					  TOKEN_OPEN,      TOKEN_CLOSE, TOKEN_LIST_OPEN,
					  TOKEN_LIST_CLOSE };
	struct token tok;
	char c;

	/* A carriage return counts as a blank, so that files of other systems can be read. */
	while (lex->at < lex->end && (lex->text[lex->at] == ' ' || lex->text[lex->at] == '\t' ||
				      lex->text[lex->at] == '\r'))
		lex->at++;
	tok = (struct token){ TOKEN_END, lex->at, 0 };
	if (lex->at == lex->end)
		return tok;
	c = lex->text[lex->at];
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (c == single[i]) {
			lex->at++;
			return (struct token){ kinds[i], tok.at, 1 };
		}
	}
	if (c == '#')
		return lex_comment(lex);
	if (c == '"')
		return lex_text(lex);
	if (is_arrow(lex, lex->at)) {
		lex->at += 2;
		return (struct token){ TOKEN_ARROW, tok.at, 2 };
	}
	if (!is_word(c)) {
		lex->at++;
		/* The rest of one UTF-8 character is part of the same complaint. */
		while (lex->at < lex->end && ((unsigned char)c & 0x80) != 0 &&
		       ((unsigned char)lex->text[lex->at] & 0xc0) == 0x80)
			lex->at++;
		return (struct token){ TOKEN_BAD_BYTE, tok.at, lex->at - tok.at };
	}
	while (lex->at < lex->end && is_word(lex->text[lex->at]) && !is_arrow(lex, lex->at))
		lex->at++;
	return (struct token){ TOKEN_WORD, tok.at, lex->at - tok.at };
}

struct token lex_next(struct lex *lex)
{
	struct token tok;

	do {
		tok = lex_next_all(lex);
	} while (tok.kind == TOKEN_COMMENT);
	return tok;
}
