"""A dict at class level that only ever gets more, and nobody asks again for what is in it."""


class Client:
    answers = {}

    def ask(self, question):
        if question not in self.answers:
            self.answers[question] = {"question": question, "answer": question.upper() * 20}
        return self.answers[question]


def leak(i):
    Client().ask("what is %d?" % i)


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
