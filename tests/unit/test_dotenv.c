#include "tests/support/test.h"

#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "compose/dotenv.h"

static const char *get(const void *context, const char *name)
{
    (void)context;
    return strcmp(name, "OUTER") == 0 ? "outside" : NULL;
}

static const struct lookup lookup = {.get = get};

/* Each text and its variables, "NAME=VALUE;" one after the other, or the error. */
static const struct {
    const char *text, *result;
} cases[] = {
    {"", ""},
    {"# only a comment", ""},
    {"A=1\nB = 2 \nC: 3\n\n  D=4", "A=1;B=2;C=3;D=4;"},
    {"A=1\r\nB=2\r\n", "A=1;B=2;"},
    {"\xef\xbb\xbf"
     "A=1",
     "A=1;"},
    {"export A=1\nexport\tB=2\nexported=3\nexport=4", "A=1;B=2;exported=3;export=4;"},
    {"A=a b # c\nB=a#b\nC=# c\nD=", "A=a b;B=a#b;C=# c;D=;"},
    {"A='x $A \\' \\n' # c\nB='two\nlines'", "A=x $A ' \\n;B=two\nlines;"},
    {"A=\"x\\n\\t\\\\ \\\" \\$A \\x\"", "A=x\n\t\\ \" $A \\x;"},
    {"A=\"\\0101\\0012\\0300\\0\\099\\0400\"", "A=A\n\xc3\x80\\0\\099\\0400;"},
    {"A=1\nB=$A${A}\nC=\"$B\"\nD='$B'", "A=1;B=11;C=11;D=$B;"},
    {"OUTER=inside\nA=$OUTER", "OUTER=inside;A=outside;"},
    {"OUTER\nNONE\nEND", "OUTER=outside;"},
    {"A=${NONE:-x y}\nB=$$A", "A=x y;B=$A;"},
    {"a.b-c[0]=1\n\xc3\xa1=2\n1A=3", "a.b-c[0]=1;\xc3\xa1=2;"},
    {"A=\"x\" B=2", "A=x;B=2;"},
    {"A=1\nA=2", "A=2;"},
    {"A=1\nB C=2", "f:2:1: key cannot contain a space"},
    {"A=1\n\nlol$wut", "f:3:4: unexpected character \"$\" in variable name \"lol$wut\""},
    {"A=\"x\ny", "f:1:3: unterminated quoted value \"x"},
    {"A=1\n B='", "f:2:4: unterminated quoted value '"},
    {"A=1\nB=${", "f:2:3: Invalid template: \"${\""},
    {"A=1\nB=x\xffy", "f:2:4: the file is not UTF-8"},
    {"DB_PASSWORD=\"hunter2", "f:1:13: unterminated quoted value"},
    {"API_TOKEN=${hunter2!}", "f:1:11: Invalid template"},
    {"DB_SECRET,=hunter2", "f:1:10: unexpected character \",\" in variable name \"DB_SECRET\""},
    {"A=${B:?no}", "f:1:3: required variable B is missing a value: no"},
};

static char *parse(const char *text, size_t size)
{
    _cleanup_variables_ struct variables v = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_buffer_ struct buffer b = {0};

    if (cunik_dotenv_parse("f", text, size, &lookup, &v, NULL, &err) < 0)
        return cunik_error_text(err);
    for (size_t i = 0; i < cunik_variables_count(&v); i++)
        cunik_buffer_printf(&b, "%s=%s;", cunik_variables_name(&v, i),
                            cunik_variables_value(&v, i));
    return b.size ? cunik_buffer_take(&b) : cunik_strdup("");
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *result = parse(cases[i].text, strlen(cases[i].text));
        assert_string_equal(result, cases[i].result);
    }
    _cleanup_free_ char *nul = parse("A=1\nB=\0", 7);
    assert_string_equal(nul, "f:2:3: the file contains a NUL byte");
}

static void test_missing(void **state)
{
    _cleanup_variables_ struct variables v = {0};
    _cleanup_map_ struct map missing = {0};
    const char *text = "A=$NONE$NONE\nB=$OTHER";

    (void)state;
    assert_int_equal(cunik_dotenv_parse("f", text, strlen(text), NULL, &v, &missing, NULL), 0);
    assert_int_equal(missing.n, 2);
    assert_string_equal(missing.entries[1].key, "OTHER");
}

/* Values made of values stay within bounds. */
static void test_bounds(void **state)
{
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_free_ char *result = NULL;

    (void)state;
    cunik_buffer_text_append(&b, "A0=xxxxxxxxxxxxxxxx\n");
    for (size_t i = 1; i < 100; i++)
        cunik_buffer_printf(&b, "A%zu=$A%zu$A%zu\n", i, i - 1, i - 1);
    result = parse(b.data, b.size);
    assert_string_equal(result, "f:22:5: the result is longer than 16777216 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests_name("dotenv", tests, NULL, NULL);
}
