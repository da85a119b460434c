"""What each example must do, wherever it was built."""

STAMP = "+ X-Delivered-By: mx.example.net (192.168.123.123); id=i\n"


def check_stamp(test, milter):
    test.assertIn(STAMP, milter.mail("--output-message", "--connect-address=inet:25@192.168.123.123"))
    test.assertEqual(milter.stop(), (0, ""))


def check_list(test, milter):
    """With a list of `list_of_senders`."""
    for sender, answer in [
            ("spam@bad.example", "reject [550]<5.7.1>(mail from spam@bad.example is not wanted here)"),
            ("Any.Body@WORSE.example", "reject [550]<5.7.1>(mail from any.body@worse.example is not wanted here)"),
            ("ham@bad.example", "accept"), ("x@sub.worse.example", "accept"), ("", "accept")]:
        with test.subTest(sender=sender):
            test.assertEqual(milter.answer(f"--envelope-from={sender}"), answer)
    test.assertEqual(milter.stop(), (0, ""))


def list_of_senders(folder):
    path = folder / "senders"
    path.write_text("# who we do not want\nspam@bad.example\n@Worse.Example  # all of them\n\n")
    return path


def check_greylist(test, start):
    """start(seconds): the milter, over the same database each time."""
    hurried = start(3600)
    test.assertRegex(hurried.answer(), r"^temporary-failure \[451\]<4\.7\.1>\(Greylisted, try again in 3(600|59\d) seconds\)$")
    test.assertEqual(hurried.answer("--authenticated-name=me"), "accept")
    hurried.stop()
    patient = start(0)
    test.assertEqual(patient.answer(), "pass")
    test.assertEqual(patient.answer("-f", "new@example.com"), "pass")
    patient.stop()
    again = start(3600)
    test.assertIn("Greylisted", again.answer("-f", "other@example.com"))
    again.stop()
