staff-overview = Tugas
staff-applications = Permohonan
staff-application = Permohonan
staff-vendors = Penjual
staff-vendor = Penjual
staff-donations = Donasi
staff-donation = Donasi
staff-exceptions = Pengecualian
staff-exception = Pengecualian
staff-exceptions-intro = Pembayaran yang tidak cocok, pengembalian yang gagal, dan sengketa.
staff-todo-pending = Menunggu keputusan
staff-todo-acquire = Barang untuk dibeli
staff-todo-expiring = Penawaran yang berakhir dalam seminggu
staff-todo-due = Angsuran jatuh tempo dalam seminggu
staff-todo-approvals = Menunggu orang kedua
staff-show-all = Tampilkan semua
staff-overdue = Terlambat { $count } hari
staff-any = Semua
staff-newest = Terbaru dahulu
staff-none = Belum ada
staff-rows = { $shown } dari { $total }
staff-person-hint = Bagian dari nama atau surel
staff-status = Status
staff-steps = Yang dapat dilakukan sekarang
staff-applicant = Pemohon
staff-own = Anda
staff-own-hint = Ini permohonan Anda sendiri: petugas lain yang memutuskan.
staff-goods = Barang
staff-requested = Jumlah yang diminta
staff-documents = Dokumen
staff-contract = Penawaran dan akad
staff-financed = Dibayar dengan angsuran
staff-down-payment-paid = Uang muka diterima
staff-accepted = Diterima pada
staff-expires = Berlaku sampai
staff-agreement = Unduh perjanjian
staff-paid = Dibayar
staff-receipts = Tanda terima
staff-receipt = Tanda terima
staff-history = Riwayat
staff-reversed = Dibalik pada { $day }
staff-reverse = Balikkan
staff-reverse-ask = Catatan tetap ada, ditandai dibalik, beserta alasan Anda. Bila keliru, catat lagi.
staff-approve = Setujui
staff-approve-ask = Klien menerima harga ini sebagai penawaran yang berlaku 30 hari. Harga tidak dapat diubah.
staff-preview-hint = Isi harga pokok, tingkat laba, dan jumlah bulan untuk melihat harga.
staff-reject = Tolak
staff-final = Ini tidak dapat dibatalkan.
staff-acquire = Catat kepemilikan
staff-evidence-hint = Opsional: PDF, PNG, atau JPEG, paling besar 5 MiB
staff-record = Catat penerimaan angsuran { $number }
staff-record-down-payment = Catat uang muka
staff-settle = Lunasi lebih awal
staff-rebate-hint = Opsional: paling banyak laba yang belum diperoleh
staff-raised = Terkumpul
staff-new-project = Buat proyek
staff-edit = Ubah
staff-close = Tutup proyek
staff-close-ask = Proyek tidak menerima donasi lagi. Anda dapat membukanya kembali.
staff-reopen = Buka kembali proyek
staff-offline-gift = Catat donasi di luar situs
staff-donor-email-hint = Opsional: tanda terima dikirim ke sana
staff-dedication = Persembahan
staff-dedicated-to = Dipersembahkan kepada
staff-disburse = Catat pembayaran dari dana
staff-disbursements = Pembayaran dari dana
staff-new-vendor = Tambah penjual
staff-donor = Donatur
staff-export = Ekspor sebagai { $format }
staff-fee = Biaya Stripe
staff-hide-message = Sembunyikan pesan
staff-message-hidden = Pesan tersembunyi
staff-resolve = Tandai selesai
staff-note-hint = Apa yang telah dilakukan
staff-done = Sudah tercatat.
staff-waits = Ini menunggu orang kedua: petugas lain harus mengirim hal yang sama dalam 24 jam.
staff-confirm = Petugas lain telah meminta ini. Periksa nilainya: mengirimnya tanpa perubahan berarti mengonfirmasi.
staff-conflict = Sudah berubah; halaman menampilkan keadaan terkini. Isian Anda masih ada: periksa lalu kirim lagi.
staff-field = { $name ->
    [status] Status
    [overdue] Keterlambatan
    [applicant] Pemohon
    [from] { from }
    [to] { to }
    [sort] Urutan
    [category] { category }
    [active] Tersedia
    [projectId] { project }
    [channel] Dibayar melalui
    [donor] { staff-donor }
    [kind] Jenis
    [cost] { murabaha-cost }
    [profitRate] { murabaha-rate }
    [termMonths] { murabaha-termMonths }
    [downPayment] { murabaha-downPayment }
    [reason] Alasan
    [acquiredOn] Dimiliki pada
    [invoice] Nomor faktur
    [evidence] Bukti kepemilikan
    [amount] { amount }
    [method] Cara bayar
    [reference] Referensi
    [receivedOn] Diterima pada
    [rebate] Potongan
    [name] { name }
    [description] Keterangan
    [fundingGoal] Sasaran
    [currency] { currency }
    [donorName] Nama donatur
    [donorEmail] Surel donatur
    [isAnonymous] Tanpa nama
    [message] Pesan
    [paidOn] Dibayar pada
    [recipient] Penerima
    [purpose] Tujuan
    [email] { email }
    [phone] Telepon
    [note] Catatan
    [confirmCost] Biaya jauh dari permintaan: sudah saya periksa
    [confirmAcquiredOn] Harinya tidak lazim: sudah saya periksa
    [invoiceAmount] Jumlah faktur
    [firstDueOn] Jatuh tempo pertama
    [months] Tunda (bulan)
    [promisedOn] Dijanjikan pada
   *[other] { $name }
}
staff-value = { $value ->
    [pending] Menunggu
    [approved] Disetujui
    [acquired] Barang dimiliki
    [active] Berjalan
    [completed] Selesai
    [rejected] Ditolak
    [cancelled] Dibatalkan
    [expired] Berakhir
    [overdue] Terlambat
    [on-time] Tidak terlambat
    [processing] Sedang dibayar
    [paid] Dibayar
    [waived] Dibebaskan
    [createdAt] Terlama dahulu
    [minus-amount] Terbesar dahulu
    [amount] Terkecil dahulu
    [succeeded] Berhasil
    [failed] Gagal
    [refunded] { refunded }
    [stripe] Stripe
    [offline] Di luar situs
    [open] Terbuka
    [closed] { closed }
    [resolved] Ditangani
    [yes] Ya
    [no] Tidak
    [bank_transfer] Transfer bank
    [cash] Tunai
    [cheque] Cek
    [installment] Angsuran
    [down_payment] { murabaha-downPayment }
    [amount_mismatch] Jumlah berbeda
    [currency_mismatch] Mata uang berbeda
    [wrong_mode] Uji coba dan nyata tercampur
    [wrong_account] Akun Stripe lain
    [paid_after_cancellation] Dibayar setelah pembatalan
    [refund_failed] Pengembalian gagal
    [dispute] Sengketa
    [unknown_object] Catatan tidak dikenal
    [second_intent] Dibayar dua kali
    [owed_to_client] Terutang kepada klien
    [fee_unknown] Biaya tidak diketahui
    [payout_mismatch] Pencairan berbeda
    [payout_failed] Pencairan gagal
    [ledger_difference] Buku besar berbeda
    [other] Lainnya
    [on_behalf] Atas nama
    [in_memory] Mengenang
    [in_honor] Untuk menghormati
   *[unknown] { $value }
}
staff-action = { $action ->
    [update] Diubah klien
    [request_approval] Persetujuan orang kedua diminta
    [record] Penerimaan dicatat
    [receive] Pembayaran kartu diterima
    [record_down_payment] Uang muka dicatat
    [receive_down_payment] Uang muka diterima
    [return_down_payment] Uang muka dikembalikan
    [settle] Dilunasi lebih awal
    [reverse] Penerimaan dibalik
    [take_back] Pembayaran kartu ditarik kembali
    [erase_client] Akun klien dihapus
    [approve_application] Menyetujui permohonan
    [reverse_receipt] Membalik penerimaan permohonan
    [disburse] Pembayaran dari dana
    [reverse_disbursement] Membalik pembayaran dari dana
    [reverse_donation] Membalik donasi
    [refund_donation] Mengembalikan donasi
    [withdraw] Penawaran ditarik
    [reschedule] Jatuh tempo ditunda
    [undo_settle] Pelunasan dibatalkan
    [waive] Angsuran dibebaskan
    [undo_waive] Pembebasan dibatalkan
    [waive_installment] Bebaskan angsuran
    [settle_early] Pelunasan dini
   *[other] { $action }
}
staff-withdraw = Tarik penawaran
staff-withdraw-ask = Pengajuan kembali tertunda, dan uang muka dikembalikan seluruhnya.
staff-undo-settle = Batalkan pelunasan
staff-undo-settle-ask = Tanggal jatuh tempo dan jumlah kembali seperti semula.
staff-reschedule = Tunda jatuh tempo
staff-reschedule-ask = Tanggal mundur, jumlah tetap. Tercatat dalam riwayat.
staff-from-number = Mulai angsuran (yang belum dibayar bila kosong)
staff-first-due-hint = Hari pertama yang baru, atau bulan di bawah
staff-months-hint = Berapa bulan setiap angsuran ditunda
staff-promise = Catat janji bayar
staff-waive = Bebaskan angsuran { $number } sebagai sedekah
staff-waive-hint = Seluruhnya bila kosong
staff-waive-ask = Lembaga menyedekahkan bagian utang ini. Dapat dibatalkan sampai ada uang masuk sesudahnya.
staff-invoice-amount-hint = Bila lebih rendah dari biaya: harga dan laba ikut turun
staff-statement = Laporan pembiayaan
staff-evidence = Bukti untuk dewan syariah
