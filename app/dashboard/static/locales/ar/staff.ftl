staff-overview = للإنجاز
staff-applications = الطلبات
staff-application = الطلب
staff-vendors = البائعون
staff-vendor = البائع
staff-donations = التبرعات
staff-donation = تبرع
staff-exceptions = الاستثناءات
staff-exception = استثناء
staff-exceptions-intro = مدفوعات لا تتطابق، وإعادات مبالغ لم تنجح، ونزاعات.
staff-todo-pending = بانتظار القرار
staff-todo-acquire = سلع للشراء
staff-todo-expiring = عروض تنتهي خلال أسبوع
staff-todo-due = أقساط تستحق خلال أسبوع
staff-todo-approvals = بانتظار شخص ثانٍ
staff-show-all = عرض الكل
staff-overdue = { $count ->
    [zero] متأخر
    [one] متأخر يومًا
    [two] متأخر يومين
    [few] متأخر { $count } أيام
    [many] متأخر { $count } يومًا
   *[other] متأخر { $count } يوم
}
staff-any = الكل
staff-newest = الأحدث أولًا
staff-none = لا شيء هنا بعد
staff-rows = { $shown } من { $total }
staff-person-hint = جزء من الاسم أو البريد
staff-status = الحالة
staff-steps = ما يمكن فعله الآن
staff-applicant = مقدم الطلب
staff-own = أنت
staff-own-hint = هذا طلبك أنت: يبتّ فيه موظف آخر.
staff-goods = السلعة
staff-requested = المبلغ المطلوب
staff-documents = المستندات
staff-contract = العرض والعقد
staff-financed = يُدفع أقساطًا
staff-down-payment-paid = المستلم من الدفعة المقدمة
staff-accepted = تاريخ القبول
staff-expires = صالح حتى
staff-agreement = تنزيل العقد
staff-paid = المدفوع
staff-receipts = الإيصالات
staff-receipt = إيصال
staff-history = السجل
staff-reversed = عُكس في { $day }
staff-reverse = عكس القيد
staff-reverse-ask = يبقى القيد معلَّمًا بأنه معكوس مع السبب. عند الخطأ سجّله من جديد.
staff-approve = الموافقة
staff-approve-ask = يتلقى العميل هذا الثمن عرضًا صالحًا 30 يومًا، ولا يمكن تغييره.
staff-preview-hint = أدخل التكلفة ونسبة الربح وعدد الأشهر لعرض الثمن.
staff-reject = الرفض
staff-final = لا يمكن التراجع عن هذا.
staff-acquire = تسجيل التملك
staff-evidence-hint = اختياري: PDF أو PNG أو JPEG، حتى 5 ميبيبايت
staff-record = تسجيل إيصال للقسط { $number }
staff-record-down-payment = تسجيل الدفعة المقدمة
staff-settle = السداد المبكر
staff-rebate-hint = اختياري: بحد أقصى الربح الذي لم يُكتسب بعد
staff-raised = المجموع
staff-new-project = إنشاء مشروع
staff-edit = تعديل
staff-close = إغلاق المشروع
staff-close-ask = لن يقبل تبرعات بعد ذلك. يمكنك فتحه من جديد.
staff-reopen = إعادة فتح المشروع
staff-offline-gift = تسجيل تبرع ورد خارج الموقع
staff-donor-email-hint = اختياري: يُرسل الإيصال إليه
staff-dedication = إهداء
staff-dedicated-to = المُهدى إليه
staff-disburse = تسجيل صرف من المشروع
staff-disbursements = المصروفات من المشروع
staff-new-vendor = إضافة بائع
staff-donor = المتبرع
staff-export = تصدير بصيغة { $format }
staff-fee = رسوم Stripe
staff-hide-message = إخفاء الرسالة
staff-message-hidden = رسالة مخفية
staff-resolve = وضع علامة تمت المعالجة
staff-note-hint = ما الذي تم بشأنه
staff-done = تم التسجيل.
staff-waits = هذا بانتظار شخص ثانٍ: على موظف آخر أن يرسل الطلب نفسه خلال 24 ساعة.
staff-confirm = طلب موظف آخر هذا. تحقق من القيم: إرسالها دون تغيير تأكيد لها.
staff-conflict = تغيّر في هذه الأثناء، والصفحة تعرضه كما هو الآن. ما كتبته ما زال هنا: تحقق منه وأرسله من جديد.
staff-field = { $name ->
    [status] الحالة
    [overdue] التأخر
    [applicant] مقدم الطلب
    [from] { from }
    [to] { to }
    [sort] الترتيب
    [category] { category }
    [active] متاح
    [projectId] { project }
    [channel] طريق الدفع
    [donor] { staff-donor }
    [kind] النوع
    [cost] { murabaha-cost }
    [profitRate] { murabaha-rate }
    [termMonths] { murabaha-termMonths }
    [downPayment] { murabaha-downPayment }
    [reason] السبب
    [acquiredOn] تاريخ التملك
    [invoice] رقم الفاتورة
    [evidence] إثبات التملك
    [amount] { amount }
    [method] طريقة الدفع
    [reference] المرجع
    [receivedOn] تاريخ الاستلام
    [rebate] الحطّ من الثمن
    [name] { name }
    [description] الوصف
    [fundingGoal] الهدف
    [currency] { currency }
    [donorName] اسم المتبرع
    [donorEmail] بريد المتبرع
    [isAnonymous] دون ذكر الاسم
    [message] الرسالة
    [paidOn] تاريخ الصرف
    [recipient] المستفيد
    [purpose] الغرض
    [email] { email }
    [phone] الهاتف
    [note] ملاحظة
    [confirmCost] التكلفة بعيدة عن الطلب: تحققت منها
    [confirmAcquiredOn] اليوم غير معتاد: تحققت منه
    [invoiceAmount] مبلغ الفاتورة
    [firstDueOn] أول استحقاق في
    [months] تأخير بالأشهر
    [promisedOn] موعود في
   *[other] { $name }
}
staff-value = { $value ->
    [pending] معلّق
    [approved] موافَق عليه
    [acquired] السلعة مملوكة
    [active] سارٍ
    [completed] مكتمل
    [rejected] مرفوض
    [cancelled] ملغى
    [expired] منتهٍ
    [overdue] متأخر
    [on-time] غير متأخر
    [processing] قيد الدفع
    [paid] مدفوع
    [waived] متنازَل عنه
    [createdAt] الأقدم أولًا
    [minus-amount] الأكبر أولًا
    [amount] الأصغر أولًا
    [succeeded] ناجح
    [failed] فاشل
    [refunded] { refunded }
    [stripe] Stripe
    [offline] خارج الموقع
    [open] مفتوح
    [closed] { closed }
    [resolved] معالَج
    [yes] نعم
    [no] لا
    [bank_transfer] حوالة مصرفية
    [cash] نقدًا
    [cheque] شيك
    [installment] قسط
    [down_payment] { murabaha-downPayment }
    [amount_mismatch] اختلاف المبلغ
    [currency_mismatch] اختلاف العملة
    [wrong_mode] خلط بين التجربة والواقع
    [wrong_account] حساب Stripe آخر
    [paid_after_cancellation] دُفع بعد الإلغاء
    [refund_failed] تعذّرت إعادة المبلغ
    [dispute] نزاع
    [unknown_object] سجل غير معروف
    [second_intent] دُفع مرتين
    [owed_to_client] مستحق للعميل
    [fee_unknown] رسوم غير معروفة
    [payout_mismatch] اختلاف التحويل إلى المصرف
    [payout_failed] فشل التحويل إلى المصرف
    [ledger_difference] اختلاف الدفاتر
    [other] أخرى
    [on_behalf] نيابةً عن
    [in_memory] في ذكرى
    [in_honor] تكريمًا لـ
   *[unknown] { $value }
}
staff-action = { $action ->
    [update] عدّله العميل
    [request_approval] طُلبت موافقة شخص ثانٍ
    [record] سُجّل إيصال
    [receive] وردت دفعة بالبطاقة
    [record_down_payment] سُجّلت الدفعة المقدمة
    [receive_down_payment] وردت الدفعة المقدمة
    [return_down_payment] أُعيدت الدفعة المقدمة
    [settle] سداد مبكر
    [reverse] عُكس إيصال
    [take_back] استُردّت دفعة بالبطاقة
    [erase_client] مُحي حساب العميل
    [approve_application] الموافقة على طلب
    [reverse_receipt] عكس إيصال لطلب
    [disburse] صرف من مشروع
    [reverse_disbursement] عكس صرف من مشروع
    [reverse_donation] عكس تبرع
    [refund_donation] إعادة تبرع
    [withdraw] سُحب العرض
    [reschedule] أُجّل الاستحقاق
    [undo_settle] تراجع عن التسوية
    [waive] أُعفي من قسط
    [undo_waive] أُلغي الإعفاء
    [waive_installment] الإعفاء من قسط
    [settle_early] تسوية مبكرة
   *[other] { $action }
}
staff-withdraw = سحب العرض
staff-withdraw-ask = يعود الطلب قيد الانتظار، وتُعاد الدفعة المقدمة كاملة.
staff-undo-settle = التراجع عن التسوية المبكرة
staff-undo-settle-ask = تعود تواريخ الاستحقاق والمبالغ كما كانت.
staff-reschedule = تأجيل الاستحقاق
staff-reschedule-ask = تتأخر التواريخ وتبقى المبالغ كما هي. ويُسجَّل ذلك في السجل.
staff-from-number = ابتداءً من القسط (أول غير مدفوع إن تُرك فارغًا)
staff-first-due-hint = اليوم الأول الجديد، أو الأشهر أدناه
staff-months-hint = بكم شهر يتأخر كل قسط
staff-promise = تسجيل وعد بالدفع
staff-waive = الإعفاء من القسط { $number } صدقةً
staff-waive-hint = كامله إن تُرك فارغًا
staff-waive-ask = تتصدق المؤسسة بهذا الجزء من الدين. يمكن التراجع عنه حتى يصل مال بعده.
staff-invoice-amount-hint = إن كان أقل من التكلفة: ينخفض الثمن والربح معه
staff-statement = كشف التمويل
staff-evidence = ملف الإثبات للهيئة الشرعية
